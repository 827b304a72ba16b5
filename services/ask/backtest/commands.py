"""`touchback ask backtest` and `simulate`: what a catalog would have done, and with one event."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.ask.backtest import figures, inputs, page, topic, words
from services.ask.backtest.life import REACHABLE
from services.ask.decide.turns import Verdict
from services.ask.model import Contact
from services.ask.policy import book
from services.ask.record import decision_of
from shared.catalog.catalog import Catalog
from shared.catalog.findings import InvalidCatalog
from shared.catalog.loader import load
from shared.clock import monotonic
from shared.contracts.asks import Decision
from shared.errors import InvalidSettings, TouchbackError
from shared.process import fail

REFUSED = 1
Told = Callable[[Decision], Iterator[str]]

Events = Annotated[
    list[str],
    typer.Option(
        "--events",
        metavar="FILE|-|topic:NAME",
        help="JSON lines of signals, answers, profiles, or what `listen try --json` prints, in any"
        " order; or a topic of ours as it stands now, from its beginning or on from"
        " topic:NAME@TIME or topic:NAME@OFFSET. May be given several times.",
    ),
]
CatalogFolder = Annotated[
    Path, typer.Option("--catalog", metavar="NEW", help="The folder of the catalog.")
]
Reachable = Annotated[
    bool,
    typer.Option(
        "--reachable",
        help="Take everybody to be reachable over every channel, as is done anyway where the input"
        " holds no contact cards.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For a program.")]


def add_backtest(app: typer.Typer, environ: Mapping[str, str]) -> None:
    """Add `backtest`."""

    @app.command()
    def backtest(
        catalog: CatalogFolder,
        events: Events,
        against: Annotated[
            Path | None, typer.Option(metavar="OLD", help="Say what changes against this one.")
        ] = None,
        html: Annotated[
            Path | None, typer.Option(metavar="FILE", help="Write a page with charts as well.")
        ] = None,
        decisions: Annotated[
            Path | None,
            typer.Option(metavar="FILE", help="Write every decision as a line of JSON as well."),
        ] = None,
        reachable: Reachable = False,
        as_json: AsJson = False,
    ) -> None:
        """Say what a catalog would have done with events of the past, on a clock of their own.

        Every send is taken to be accepted at once; answers in the input count as answers. The same
        input and catalog give the same output, byte by byte. Exits with 1 when lines are refused.
        """
        try:
            found = _backtest(environ, catalog, against, events, reachable, decisions)
            if html is not None:
                _write(html, page.render(found))
        except TouchbackError as error:
            raise fail(error) from None
        typer.echo(_json(found) if as_json else words.text(found))
        raise typer.Exit(REFUSED if found["input"]["refused"] else 0)


def add_simulate(app: typer.Typer, environ: Mapping[str, str], told: Told) -> None:
    """Add `simulate`; `told` puts a decision into words."""

    @app.command()
    def simulate(
        catalog: CatalogFolder,
        events: Events,
        reachable: Reachable = False,
        as_json: AsJson = False,
    ) -> None:
        """Say what a catalog would do with a few events: each decision, and the rules that it ran.

        The backtest told decision by decision. Exits with 1 when lines are refused.
        """
        try:
            given, made = _simulate(environ, catalog, events, reachable)
        except TouchbackError as error:
            raise fail(error) from None
        typer.echo(_lines(made) if as_json else _told(made, told), nl=not as_json)
        raise typer.Exit(REFUSED if given.refused else 0)


def _backtest(
    environ: Mapping[str, str],
    folder: Path,
    against: Path | None,
    events: list[str],
    reachable: bool,
    decisions: Path | None,
) -> dict[str, Any]:
    catalogs = [_catalog(each) for each in (folder, against) if each]
    started = monotonic()
    with _no_garbage(), closing(_read(environ, catalogs, events)) as given:
        runs = _runs(given, catalogs, _card(given, reachable), decisions)
    _say_speed(given, len(catalogs), monotonic() - started)
    return _found(given, _card(given, reachable) is not None, runs)


def _runs(
    given: inputs.Input, catalogs: list[Catalog], card: Contact | None, decisions: Path | None
) -> list[figures.Run]:
    runs: list[figures.Run] = []
    with _bar(f"deciding about {given.heard:,}", given.heard * len(catalogs)) as advance:
        for each in catalogs:
            with _told_to(None if runs else decisions, each) as also:
                runs.append(figures.run(each, given.in_order(), card, advance, also))
    return runs


def _simulate(
    environ: Mapping[str, str], folder: Path, events: list[str], reachable: bool
) -> tuple[inputs.Input, list[Decision]]:
    catalog, made = _catalog(folder), list[Decision]()
    with closing(_read(environ, [catalog], events)) as given:
        figures.run(catalog, given.in_order(), _card(given, reachable), also=_into(catalog, made))
    return given, made


def _told(made: list[Decision], told: Told) -> str:
    if not made:
        return "No decision: no signal of the input matched a touchpoint."
    return "\n\n".join("\n".join(told(each)) for each in made)


def _lines(made: list[Decision]) -> str:
    return "".join(map(_line, made))


def _line(decision: Decision) -> str:
    return f"{decision.model_dump_json(exclude_none=True)}\n"


def _found(given: inputs.Input, reachable: bool, runs: list[figures.Run]) -> dict[str, Any]:
    first, last = given.span
    about = {
        "lines": given.lines,
        "heard": given.heard,
        "unused": given.unused,
        "refused": given.refused,
        "first": first.isoformat() if first else None,
        "last": last.isoformat() if last else None,
        "everybody_reachable": reachable,
    }
    new, old = runs[0], runs[1] if len(runs) > 1 else None
    return {
        "input": about,
        "new": figures.plain(new),
        "old": figures.plain(old) if old else None,
        "change": figures.change(old, new) if old else None,
    }


def _catalog(folder: Path) -> Catalog:
    try:
        return load(folder)
    except InvalidCatalog as error:
        first = str(error.findings[0]) if error.findings else "it is broken"
        raise InvalidSettings(f"{folder}/{first}") from error


def _card(given: inputs.Input, reachable: bool) -> Contact | None:
    return REACHABLE if reachable or not given.has_cards else None


def _into(catalog: Catalog, made: list[Decision]) -> figures.Sink:
    return lambda verdict, now: made.append(decision_of(verdict, catalog.version, now))


def _read(environ: Mapping[str, str], catalogs: list[Catalog], names: list[str]) -> inputs.Input:
    wanted = frozenset().union(*(book(each).heard for each in catalogs))
    with _bar("reading", inputs.size(names)) as advance:
        given = inputs.Input(wanted, lambda line: typer.echo(line, err=True), advance)
        for name in names:
            if name.startswith(inputs.TOPIC):
                asyncio.run(topic.read_topic(name, topic.KafkaSettings.load(environ), given))
            else:
                inputs.read_file(name, given)
    return given


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Let nobody look for garbage: nothing here refers back to itself, and most of it stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _told_to(path: Path | None, catalog: Catalog) -> Iterator[figures.Sink | None]:
    """Give what writes each decision down as it is made."""
    if path is None:
        yield None
        return
    try:
        with path.open("w", encoding="utf-8") as file:

            def write(verdict: Verdict, now: datetime) -> None:
                file.write(_line(decision_of(verdict, catalog.version, now)))

            yield write
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total or None)
        yield lambda count: progress.update(task, advance=count)


def _say_speed(given: inputs.Input, catalogs: int, seconds: float) -> None:
    rate = given.lines * catalogs / max(seconds, 0.001)
    typer.echo(f"{given.lines:,} events in {seconds:.1f} s ({rate:,.0f}/s per catalog)", err=True)


def _json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, indent=2)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> InvalidSettings:
    return InvalidSettings(f"{path}: cannot write it: {error.strerror}")
