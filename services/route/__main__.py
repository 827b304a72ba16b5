"""The process of `route`, and its operator commands."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TextIO

import typer
from pydantic import ValidationError

from services.route.app import build
from services.route.decide import Coverage, assign, coverage
from services.route.model import Assigned
from services.route.replaying import add_replay
from services.route.settings import Settings
from shared import process
from shared.catalog import InvalidCatalog, Routing, UnusableCatalog, load
from shared.contracts.envelope import describe
from shared.contracts.responses import Response

app = process.commands("route", Settings, build, os.environ)
add_replay(app, os.environ)
CATALOG = Path("deploy/catalog")


@app.command("test")
def try_out(
    event: Annotated[Path, typer.Option(help="A response as JSON, as on touchback.responses.")],
    expect: Annotated[
        list[str] | None,
        typer.Option(help="team=NAME or priority=HOW: exit with 1 when it is another."),
    ] = None,
    catalog: Annotated[
        Path, typer.Option(envvar="TOUCHBACK_CATALOG", help="The catalog to test.")
    ] = CATALOG,
    low_scores: Annotated[
        int,
        typer.Option(min=1, help="How many low scores the customer gave lately, with this one."),
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say which team would own a low score, and by which rules."""
    wanted = [_expected(each) for each in expect or ()]
    assigned = assign(_response(event), _routing(catalog), low_scores)
    typer.echo(json.dumps(asdict(assigned), indent=2) if as_json else _owner(assigned))
    missed = [(name, value) for name, value in wanted if getattr(assigned, name) != value]
    for name, value in missed:
        found = getattr(assigned, name)
        typer.echo(f"touchback: expected {name} {value}, it is {found}", err=True)
    if missed:
        raise typer.Exit(1)


@app.command("coverage")
def cover(
    events: Annotated[Path, typer.Option(help="Responses as JSON lines; - reads standard input.")],
    catalog: Annotated[
        Path, typer.Option(envvar="TOUCHBACK_CATALOG", help="The catalog to test.")
    ] = CATALOG,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say which branches of the tree were never taken, and how much falls to the fallback team.

    How many low scores a customer gave is counted as the events go on.
    """
    root = _routing(catalog)
    with _opened(events) as lines:
        found = coverage(_assigned(_low(events, lines), root), root)
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=2))
    else:
        _print(found, root)


def _owner(assigned: Assigned) -> str:
    because = f"{assigned.reason}: {assigned.error}" if assigned.error else assigned.reason
    return "\n".join(
        [
            f"team      {assigned.team}",
            f"priority  {assigned.priority}",
            f"because   {because}",
            f"path      {' > '.join(assigned.path)}",
        ]
    )


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if str(path) == "-":
        yield sys.stdin
        return
    try:
        with path.open(encoding="utf-8") as file:
            yield file
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(f"{path}: {error}") from None


def _low(path: Path, lines: Iterator[str]) -> Iterator[Response]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            response = Response.model_validate_json(line)
        except ValidationError as error:
            raise _unusable(f"{path}:{number}: {describe(error)}") from None
        if response.band == "low":
            yield response


def _assigned(low: Iterator[Response], root: Routing) -> Iterator[Assigned]:
    scores = Counter[str]()
    for response in low:
        scores[response.customer_id] += 1
        yield assign(response, root, scores[response.customer_id])


def _plain(found: Coverage) -> dict[str, object]:
    return {
        "low_scores": found.total,
        "fallback": found.root,
        "rule_errors": found.errors,
        "branches": found.hits,
        "never_taken": found.never,
    }


def _print(found: Coverage, root: Routing) -> None:
    for step, hits in found.hits.items():
        mark = "  never taken" if step in found.never else ""
        typer.echo(f"{hits:8}  {step}{mark}")
    share = 100 * (found.root + found.errors) / found.total if found.total else 0
    typer.echo(f"{found.root + found.errors:8}  root: {root.team} ({share:.1f} % of {found.total})")
    if found.errors:
        typer.echo(f"touchback: a rule failed for {found.errors} of them", err=True)


def _expected(expect: str) -> tuple[str, str]:
    name, _, value = expect.partition("=")
    if name not in ("team", "priority") or not value:
        raise _unusable(f"--expect {expect}: write team=NAME or priority=HOW")
    return name, value


def _response(path: Path) -> Response:
    try:
        return Response.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _unusable(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        raise _unusable(f"{path}: {describe(error)}") from None


def _routing(path: Path) -> Routing:
    try:
        return load(path).routing
    except (InvalidCatalog, UnusableCatalog) as error:
        raise process.fail(error) from None


def _unusable(message: str) -> typer.Exit:
    typer.echo(f"touchback: {message}", err=True)
    return typer.Exit(process.UNUSABLE)


if __name__ == "__main__":
    app()
