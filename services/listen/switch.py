"""`touchback listen sources` and `resume`: which sources wait, and looking at one again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from services.listen import tables
from services.listen.pausing import Pauses
from services.listen.policy import Dialects, dialects
from services.listen.settings import Settings
from services.listen.sources import told
from shared import db, process
from shared.catalog.fields import duration
from shared.catalog.loader import load
from shared.clock import SystemClock
from shared.errors import TouchbackError

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def add_sources(app: typer.Typer, environ: Mapping[str, str]) -> None:
    """Add `sources`."""

    @app.command()
    def sources(as_json: AsJson = False) -> None:
        """List the sources of the catalog, and why some are paused. Exits with 1 when any is."""
        found = _run(environ, _list)
        if as_json:
            for each in found:
                typer.echo(json.dumps(each, ensure_ascii=False))
        else:
            _print(found)
        raise typer.Exit(1 if any(each["paused"] for each in found) else 0)


def add_resume(app: typer.Typer, environ: Mapping[str, str]) -> None:
    """Add `resume`."""

    @app.command()
    def resume(
        source: Annotated[str, typer.Argument(help="A paused source.")],
        accept_failures: Annotated[
            str | None,
            typer.Option(help="For so long, such as 15m, what is refused is a dead letter."),
        ] = None,
    ) -> None:
        """Look at a paused source again now; it goes on when most of what it finds can be read.

        The same goes for every source on its topic.
        """
        try:
            span = duration(accept_failures) if accept_failures else None
        except ValueError as error:
            raise process.fail(TouchbackError(f"--accept-failures: {error}")) from None
        count = _run(environ, lambda pauses, taken: _resume(pauses, taken, source, span))
        said = f"{source}: will be looked at now" if count else f"{source}: is not paused"
        typer.echo(said)


async def _list(pauses: Pauses, taken: Dialects) -> list[dict[str, Any]]:
    every = (each for group in taken.by_topic.values() for each in group)
    return [told(each, pauses, SystemClock().now()) for each in every]


async def _resume(pauses: Pauses, taken: Dialects, source: str, span: timedelta | None) -> int:
    if source not in taken.sources:
        known = ", ".join(taken.sources)
        raise TouchbackError(f"the catalog has no source {source}; it has {known}")
    return await pauses.try_now([each.topic for each in pauses.of_source(source)], span)


def _run(environ: Mapping[str, str], work: Any) -> Any:
    async def with_pauses() -> Any:
        settings = Settings.load(environ)
        taken = dialects(load(settings.catalog))
        database = db.Database(settings.postgres_dsn, "listen", max_size=1)
        await database.open()
        try:
            pauses = Pauses(database, SystemClock(), lambda: taken)
            await pauses.look()
            return await work(pauses, taken)
        finally:
            await database.close()

    try:
        return asyncio.run(with_pauses())
    except TouchbackError as error:
        raise process.fail(error) from None
    except db.NOT_THE_RECORD as error:
        raise process.fail(TouchbackError(f"PostgreSQL: {error}")) from None


def _print(found: list[dict[str, Any]]) -> None:
    table = Table("source", "topic", "paused since", "refused", "next try", "last reason", box=None)
    for each in found:
        pause = next(iter(each["pauses"]), None)
        why = ("", "", "", "")
        if pause is not None:
            share = f"{pause['failed']} of {pause['seen']}"
            why = (pause["since"], share, pause["next_try"], pause["reason"])
        table.add_row(*map(escape, (each["source"], each["topic"], *why)))
    tables.show(table)
