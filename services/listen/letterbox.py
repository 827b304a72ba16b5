"""`touchback listen dead-letters`: what was refused, by id, time or reason, and once more."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from services.listen import letters, tables
from services.listen.letters import Letter, Wanted
from shared import db, process
from shared.clock import Clock, SystemClock
from shared.errors import TouchbackError
from shared.settings import Settings

T = TypeVar("T")
NOT_ALL = 1
_ID = re.compile(r"\d+/\d+")

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="As `list` prints them: 0/17.")]
MaybeIds = Annotated[
    list[str] | None, typer.Argument(metavar="[ID...]", help="As `list` prints them: 0/17.")
]
Since = Annotated[
    str | None, typer.Option(help="Refused from then on: 2026-03-02T08:00:00Z, or 2h for 2 h ago.")
]
Until = Annotated[str | None, typer.Option(help="Refused before then, likewise.")]
Reason = Annotated[str | None, typer.Option(help="A part of the class or message.")]
Service = Annotated[str | None, typer.Option(help="Refused by this service.")]
Topic = Annotated[str | None, typer.Option(help="Refused from this topic.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


class LetterSettings(Settings):
    """Letters lie on Kafka, and what was sent on its way stands in PostgreSQL: that is all."""

    catalog: Path = Path()


def commands(environ: Mapping[str, str]) -> typer.Typer:
    """Return `list`, `show` and `replay`."""
    app = typer.Typer(no_args_is_help=True, help="Records that could not be understood.")
    clock = SystemClock()
    _add_list(app, environ, clock)
    _add_show(app, environ, clock)
    _add_replay(app, environ, clock)
    return app


def _add_list(app: typer.Typer, environ: Mapping[str, str], clock: Clock) -> None:
    @app.command("list")
    def list_letters(
        since: Since = None,
        until: Until = None,
        reason: Reason = None,
        service: Service = None,
        topic: Topic = None,
        as_json: AsJson = False,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    ) -> None:
        """Print what was refused, why, and where it stood; the oldest first."""
        wanted = _wanted(clock, [], since, until, reason, service, topic)
        found = _run(letters.newest(_settings(environ), wanted, limit))
        if as_json:
            for each in found:
                typer.echo(json.dumps({"id": each.id, "about": each.about}, ensure_ascii=False))
        else:
            _print(found)


def _add_show(app: typer.Typer, environ: Mapping[str, str], clock: Clock) -> None:
    @app.command()
    def show(
        ids: Ids,
        as_json: AsJson = False,
        raw: Annotated[bool, typer.Option(help="Only the original bytes of one letter.")] = False,
    ) -> None:
        """Print originals as they came: bytes, key and headers. Exits with 1 when one is absent."""
        wanted = _wanted(clock, ids)
        found = _run(letters.newest(_settings(environ), wanted, len(ids)))
        for each in found:
            if raw:
                typer.echo(each.value or b"", nl=False)
            elif as_json:
                typer.echo(json.dumps(each.plain(), ensure_ascii=False))
            else:
                _print_whole(each)
        _exit_if_absent(letters.missing(ids, found))


def _add_replay(app: typer.Typer, environ: Mapping[str, str], clock: Clock) -> None:
    @app.command()
    def replay(
        ids: MaybeIds = None,
        since: Since = None,
        until: Until = None,
        reason: Reason = None,
        service: Service = None,
        topic: Topic = None,
        every: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
        dry_run: Annotated[bool, typer.Option(help="Only say which.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Send originals to the topics they came from, each letter once however often it is asked.

        A running `listen` brings them there. What fails again becomes a new letter. Exits with 1
        when an id is absent.
        """
        chosen = [*(ids or []), since, until, reason, service, topic]
        if every == bool([each for each in chosen if each]):
            raise _misused(
                "say which: ids, --since, --until, --reason, --service, --topic, or --all"
            )
        wanted = _wanted(clock, ids or [], since, until, reason, service, topic)
        done = _run(_replay(_settings(environ), wanted, clock, dry_run=dry_run))
        _report(done, as_json=as_json)
        _exit_if_absent(letters.missing(ids or [], [each for each, _ in done]))


async def _replay(
    settings: Settings, wanted: Wanted, clock: Clock, *, dry_run: bool
) -> list[tuple[Letter, str]]:
    database = db.Database(settings.postgres_dsn, "listen", max_size=1)
    done: list[tuple[Letter, str]] = []
    await database.open()
    try:
        async for found in letters.find(settings, wanted):
            if dry_run:
                done += [(each, "would be replayed") for each in found]
                continue
            fresh, before = await letters.replay(database, found, clock.now())
            done += [(each, "queued") for each in fresh]
            done += [(each, "replayed before") for each in before]
    finally:
        await database.close()
    return done


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except TouchbackError as error:
        raise process.fail(error) from None
    except db.AWAY as error:
        raise process.fail(TouchbackError(f"PostgreSQL: {error}")) from None


def _settings(environ: Mapping[str, str]) -> Settings:
    try:
        return LetterSettings.load(environ)
    except TouchbackError as error:
        raise process.fail(error) from None


def _wanted(
    clock: Clock,
    ids: Sequence[str],
    since: str | None = None,
    until: str | None = None,
    reason: str | None = None,
    service: str | None = None,
    topic: str | None = None,
) -> Wanted:
    for each in ids:
        if not _ID.fullmatch(each):
            raise _misused(f"{each!r} is not the id of a letter, write it as `list` does: 0/17")
    first, last = (process.moment(text, clock.now()) for text in (since, until))
    return Wanted(frozenset(ids), first, last, reason, service, topic)


def _misused(message: str) -> typer.Exit:
    return process.fail(TouchbackError(message))


def _exit_if_absent(absent: Sequence[str]) -> None:
    if absent:
        typer.echo(f"touchback: no such letter: {', '.join(absent)}", err=True)
        raise typer.Exit(NOT_ALL)


def _report(done: Sequence[tuple[Letter, str]], *, as_json: bool) -> None:
    for each, what in done:
        fields = {"id": each.id, "topic": each.about["topic"], "outcome": what}
        typer.echo(json.dumps(fields) if as_json else f"{each.id} {each.position}: {what}")
    if not done and not as_json:
        typer.echo("no dead letters")


def _print(found: Sequence[Letter]) -> None:
    if not found:
        typer.echo("no dead letters")
        return
    table = Table("id", "at", "service", "position", "class", "message", box=None)
    for each in found:
        about = each.about
        row = (each.id, about["at"], about["service"], each.position, about["class"])
        # What came from outside may look like markup, and must not be taken for it.
        table.add_row(*map(escape, (*row, about["message"])))
    tables.show(table)


def _print_whole(each: Letter) -> None:
    about = each.about
    typer.echo(f"letter {each.id}: refused by {about['service']} from {each.position}")
    typer.echo(f"  at {about['at']}, after {about['attempts']} attempts")
    typer.echo(f"  {about['class']}: {about['message']}")
    plain = each.plain()
    typer.echo(f"  key: {plain['key']}")
    for name, value in plain["headers"]:
        typer.echo(f"  {name}: {value}")
    value = plain["value"]
    typer.echo(value if isinstance(value, str) else base64.b64encode(each.value or b"").decode())
