"""`touchback route replay`: what nobody accepted is delivered once more, by time and endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Annotated

import typer

from services.route import store
from shared import db, process
from shared.clock import Clock, SystemClock
from shared.errors import TouchbackError
from shared.settings import Stored
from shared.wake import notify

Since = Annotated[
    str, typer.Option(help="Queued from then on: 2026-03-02T08:00:00Z, or 2h for 2 h ago.")
]
Until = Annotated[str | None, typer.Option(help="Queued before then, likewise.")]
Endpoint = Annotated[str | None, typer.Option(help="Only of this team/channel.")]


def add_replay(app: typer.Typer, environ: Mapping[str, str]) -> None:
    """Add the command."""

    @app.command()
    def replay(
        since: Since,
        until: Until = None,
        endpoint: Endpoint = None,
        dry_run: Annotated[bool, typer.Option(help="Only say which.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ) -> None:
        """Deliver once more what no attempt could: the same ids, schedules begun anew.

        Alerts of cases that are over, and of erased customers, are left alone. A running `route`
        sends them, saying how the case stands now.
        """
        clock = SystemClock()
        first, last = (process.moment(text, clock.now()) for text in (since, until))
        wanted = store.Wanted(first or clock.now(), last or clock.now(), endpoint)
        try:
            found = asyncio.run(_replay(Stored.load(environ), wanted, clock, only_look=dry_run))
        except TouchbackError as error:
            raise process.fail(error) from None
        except db.AWAY as error:
            raise process.fail(TouchbackError(f"PostgreSQL: {error}")) from None
        for row in found:
            typer.echo(json.dumps(row) if as_json else " ".join(str(v) for v in row.values()))
        done = "would be delivered again" if dry_run else "will be delivered again"
        typer.echo(f"{len(found)} alerts {done}", err=True)


async def _replay(
    settings: Stored, wanted: store.Wanted, clock: Clock, *, only_look: bool
) -> list[dict[str, str]]:
    connection = await db.connect(settings.postgres_dsn, "route")
    try:
        async with connection.transaction():
            found = await store.exhausted(connection, wanted)
            if not only_look:
                await store.replay_all(connection, [row["alert_id"] for row in found], clock.now())
                await notify(connection, "deliveries")
    finally:
        await connection.close(timeout=2.0)
    return [
        {**dict(row), "created_at": row["created_at"].isoformat(timespec="seconds")}
        for row in found
    ]
