"""`touchback route replay`: what nobody accepted, by time and endpoint."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner, Result

from services.route.__main__ import app
from shared import db
from tests.integration.route.ground import (
    case_events,
    completed,
    delivering,
    from_close,
    loop_of,
    rows,
    states,
    take,
)
from tests.support.clock import ManualClock
from tests.support.sinks import WebhookSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import AT, catalog, hook, response, team

HOUR = timedelta(hours=1)


async def _replay(database: str, *words: str) -> Result:
    environment = {"TOUCHBACK_POSTGRES_DSN": database}
    return await asyncio.to_thread(CliRunner().invoke, app, ["replay", *words], None, environment)


async def _given_up(route_db: db.Database, sink: WebhookSink, *names: str) -> None:
    """One alert an hour to each of two channels, which nobody would have."""
    channels = (hook("one", sink.url("/one")), hook("two", sink.url("/two")))
    known = catalog(None, team("care", *channels))
    sink.answer_always(400)
    for hours, name in enumerate(names):
        low = completed(response(name, customer_id=name))
        await take(route_db, known, low, now=AT + hours * HOUR)
    clock = ManualClock(AT + len(names) * HOUR)
    async with delivering(loop_of(route_db, known, clock=clock)):
        await eventually(lambda: _are(route_db, exhausted=2 * len(names)), within=10)
    sink.answer_always(200)


async def test_it_delivers_a_span_of_time_again_with_the_same_ids(
    route_db: db.Database, database: str, webhook_sink: WebhookSink
) -> None:
    await _given_up(route_db, webhook_sink, "r0", "r1", "r2")
    before = {call.headers["webhook-id"] for call in webhook_sink.calls}
    span = ("--since", "2026-03-02T13:00:00Z", "--until", "2026-03-02T14:00:00Z")

    look = await _replay(database, *span, "--dry-run", "--json")
    shown = {json.loads(line)["endpoint"] for line in look.stdout.splitlines()}
    assert shown == {"care/one", "care/two"}
    assert await states(route_db) == {"exhausted": 6}
    done = await _replay(database, *span)

    assert (done.exit_code, done.stderr.strip()) == (0, "2 alerts will be delivered again")
    known = catalog(
        None,
        team("care", hook("one", webhook_sink.url("/one")), hook("two", webhook_sink.url("/two"))),
    )
    webhook_sink.calls.clear()
    async with delivering(loop_of(route_db, known)):
        await eventually(lambda: _due(route_db, 0), within=10)
    again = [call.headers["webhook-id"] for call in webhook_sink.calls]
    assert len(again) == 2
    assert set(again) < before


async def test_it_takes_one_endpoint_alone_and_says_how_the_case_stands(
    route_db: db.Database, database: str, webhook_sink: WebhookSink
) -> None:
    await _given_up(route_db, webhook_sink, "r0")
    (case,) = await case_events(route_db, "opened")
    taken = from_close(case, "acknowledged", version=4, state="acknowledged", assignee="ines")
    await take(route_db, catalog(), taken)

    await _replay(database, "--since", "2026-03-02T12:00:00Z", "--endpoint", "care/two")

    (row,) = [row for row in await rows(route_db, "deliveries") if row["state"] == "due"]
    assert (row["endpoint"], row["attempts"]) == ("care/two", 0)
    assert (row["notice"]["state"], row["notice"]["assignee"]) == ("acknowledged", "ines")


async def test_what_nobody_needs_any_more_is_left_alone(
    route_db: db.Database, database: str, webhook_sink: WebhookSink
) -> None:
    await _given_up(route_db, webhook_sink, "r0")
    (case,) = await case_events(route_db, "opened")
    await take(route_db, catalog(), from_close(case, "closed", version=4, state="closed"))

    done = await _replay(database, "--since", "2026-03-02T12:00:00Z")

    assert done.stderr.strip() == "0 alerts will be delivered again"


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01"])
async def test_a_time_that_is_none_is_one_clear_line(database: str, text: str) -> None:
    done = await _replay(database, "--since", text)

    assert done.exit_code == 2
    assert f"'{text}' is not a time, write 2026-03-02T08:00:00Z or 2h" in done.stderr


async def _due(database: db.Database, count: int) -> bool:
    return (await states(database))["due"] == count


async def _are(database: db.Database, **expected: int) -> bool:
    return await states(database) == expected
