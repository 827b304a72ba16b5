"""When no channel of a team accepts an alert, the fallback team is told, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Set

from services.route import store
from services.route.model import Occasion
from shared import db
from shared.catalog import Catalog
from shared.clock import SystemClock
from shared.contracts.envelope import stable_id
from tests.integration.route.ground import (
    case_events,
    completed,
    counted,
    delivering,
    from_close,
    loop_of,
    rows,
    said,
    states,
    take,
)
from tests.support.sinks import Answer, WebhookSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import catalog, hook, response, team


def _catalog(owner: WebhookSink, fallback: WebhookSink) -> Catalog:
    return catalog(
        {"team": "care", "routes": [{"team": "billing"}]},
        team("care", hook("hook", fallback.url("/care"))),
        team("billing", hook("one", owner.url("/one")), hook("two", owner.url("/two"))),
    )


async def _low(database: db.Database, known: Catalog, name: str = "r1") -> None:
    now = SystemClock().now()
    await take(database, known, completed(response(name, received_at=now, at=now)), now=now)


async def test_what_no_channel_accepts_goes_to_the_fallback_team_once(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    async with WebhookSink() as owner:
        owner.answer_always(Answer(404))
        known = _catalog(owner, webhook_sink)
        await _low(route_db, known)

        async with delivering(loop_of(route_db, known)):
            await eventually(lambda: _are(route_db, exhausted=2, delivered=1), within=5)

    (call,) = webhook_sink.calls
    assert json.loads(call.body)["team"] == "billing"
    assert (await said(route_db))["alert.queued.v1"] == 3
    queued = [row for row in await rows(route_db, "outbox") if "alert.queued" in row["type"]]
    reasons = [json.loads(row["payload"]).get("failure") for row in queued]
    assert reasons.count("none_accepted") == 1
    assert await counted(route_db, "alerts_escalated") == {("billing",): 1}


async def test_of_two_routers_that_end_the_last_two_alerts_at_once_the_later_one_sees_it(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    await _low(route_db, _catalog(webhook_sink, webhook_sink))
    one, two = [row["alert_id"] for row in await rows(route_db, "deliveries")]
    key = (stable_id("case", "r1"), "r1", "")

    async with route_db.transaction() as connection:
        assert await _end(connection, one) == {}
        async with route_db.transaction() as other:
            waiting = asyncio.create_task(_end(other, two))
            await eventually(lambda: _someone_waits(connection), within=5)
            await connection.execute("commit")
            assert await waiting == {key: {"billing/one", "billing/two"}}
            await connection.execute("begin")


async def test_nobody_else_is_told_while_one_channel_has_accepted_or_still_may(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    async with WebhookSink() as owner:
        owner.answer_next(404, 200)
        known = _catalog(owner, webhook_sink)
        await _low(route_db, known)
        async with delivering(loop_of(route_db, known)):
            await eventually(lambda: _are(route_db, exhausted=1, delivered=1), within=5)

        owner.answer_next(404, 500)
        await take(route_db, known, completed(response("other", customer_id="c2")))
        async with delivering(loop_of(route_db, known)):
            await eventually(lambda: _are(route_db, exhausted=2, delivered=1, due=1), within=5)

    assert webhook_sink.calls == []


async def test_a_case_that_came_back_is_judged_by_its_new_alerts(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    async with WebhookSink() as owner:
        known = _catalog(owner, webhook_sink)
        await _low(route_db, known)
        async with delivering(loop_of(route_db, known)):
            await eventually(lambda: _are(route_db, delivered=2), within=5)
        (case,) = await case_events(route_db, "opened")

        owner.answer_always(Answer(410))
        await take(route_db, known, from_close(case, "resolved", version=4, state="resolved"))
        await _low(route_db, known, "r2")
        async with delivering(loop_of(route_db, known)):
            await eventually(lambda: _are(route_db, delivered=3, exhausted=2), within=5)

    assert len(webhook_sink.calls) == 1


async def test_a_fallback_team_that_cannot_be_reached_either_is_not_told_for_ever(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    async with WebhookSink() as owner:
        owner.answer_always(Answer(404))
        webhook_sink.answer_always(Answer(404))
        known = _catalog(owner, webhook_sink)
        await _low(route_db, known)

        async with delivering(loop_of(route_db, known)):
            await eventually(lambda: _are(route_db, exhausted=3), within=5)

    assert len(webhook_sink.calls) == 1
    assert {row["case_id"] for row in await rows(route_db, "deliveries")} == {
        stable_id("case", "r1")
    }
    assert (await said(route_db))["alert.exhausted.v1"] == 3


async def _end(connection: db.Connection, alert_id: str) -> Mapping[Occasion, Set[str]]:
    """Settle an alert as the loop does it."""
    now = SystemClock().now()
    await store.hold_cases(connection, [stable_id("case", "r1")])
    await store.settle(connection, [(alert_id, 0, "exhausted", now, "gone", None, None)])
    return await store.unheard(connection, [(stable_id("case", "r1"), "r1", "")])


async def _someone_waits(connection: db.Connection) -> bool:
    return bool(await connection.fetchval("select count(*) from pg_locks where not granted"))


async def _are(database: db.Database, **expected: int) -> bool:
    return await states(database) == expected
