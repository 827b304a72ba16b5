"""The process of `route`, and its operator commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from services.route.app import build
from services.route.decide import assign
from services.route.settings import Settings
from shared import process
from shared.catalog import InvalidCatalog, Route, UnusableCatalog, load
from shared.contracts.envelope import describe
from shared.contracts.responses import Response

app = process.commands("route", Settings, build, os.environ)
CATALOG = Path("deploy/catalog")


@app.command("test")
def try_out(
    event: Annotated[Path, typer.Option(help="A response as JSON, as on touchback.responses.")],
    expect: Annotated[
        str | None, typer.Option(help="team=NAME: exit with 1 when another team owns it.")
    ] = None,
    catalog: Annotated[
        Path, typer.Option(envvar="TOUCHBACK_CATALOG", help="The catalog to test.")
    ] = CATALOG,
) -> None:
    """Say which team would own a low score, and by which rules."""
    wanted = _expected(expect)
    assigned = assign(_response(event), _routing(catalog))
    typer.echo(f"team      {assigned.team}")
    typer.echo(f"priority  {assigned.priority}")
    typer.echo(f"because   {assigned.reason}" + (f": {assigned.error}" if assigned.error else ""))
    typer.echo(f"path      {' > '.join(assigned.path)}")
    if wanted is not None and wanted != assigned.team:
        typer.echo(f"touchback: expected team {wanted}, it is {assigned.team}", err=True)
        raise typer.Exit(1)


def _expected(expect: str | None) -> str | None:
    if expect is None:
        return None
    name, _, team = expect.partition("=")
    if name != "team" or not team:
        raise _unusable(f"--expect {expect}: write team=NAME")
    return team


def _response(path: Path) -> Response:
    try:
        return Response.model_validate_json(path.read_bytes())
    except OSError as error:
        raise _unusable(f"{path}: {error.strerror}") from None
    except ValidationError as error:
        raise _unusable(f"{path}: {describe(error)}") from None


def _routing(path: Path) -> Route:
    try:
        return load(path).routing
    except (InvalidCatalog, UnusableCatalog) as error:
        raise process.fail(error) from None


def _unusable(message: str) -> typer.Exit:
    typer.echo(f"touchback: {message}", err=True)
    return typer.Exit(process.UNUSABLE)


if __name__ == "__main__":
    app()
