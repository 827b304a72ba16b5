"""A breach counts when its time is over: nobody need act on the case, and no timer need come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.close import metrics, record, store, sweep
from services.close.decide import transition
from services.close.model import Changed
from shared import db, tallies, timers
from shared.contracts import api
from tests.integration.close.cases import HIGH, POLICY, delivered, take, told
from tests.integration.close.test_time import with_route_clock
from tests.support.clock import START

LATE = START + timedelta(minutes=20)
"""After the deadlines of the alert and of the acknowledgement, and of nothing else."""


async def shown(close: db.Database, now: datetime) -> Mapping[str, float]:
    """The deadlines of the high cases, as they are scraped."""
    async with close.connection() as connection:
        counts, unmarked = await tallies.read(connection), await store.unmarked(connection, now)
    return {
        sample.name.removeprefix("touchback_case_").removesuffix("_total"): sample.value
        for family in metrics.deadlines(counts, unmarked, POLICY)
        for sample in family.samples
        if tuple(sample.labels.values()) == HIGH and sample.value
    }


async def sweep_once(close: db.Database, now: datetime) -> None:
    due = [timers.Timer(record.CASE, "c1", now, {"case_id": "c1"})]
    async with close.transaction() as connection:
        await sweep.Sweep(lambda: POLICY).due(connection, due, now)


BREACHED = {
    "route_deadlines": 1,
    "route_deadlines_breached": 1,
    "acknowledge_deadlines": 1,
    "acknowledge_deadlines_breached": 1,
}


async def test_it_shows_before_any_timer_came_and_stays_the_same_after_it(
    close: db.Database,
) -> None:
    await take(close, told(with_route_clock()))
    assert await shown(close, START + timedelta(minutes=4)) == {}
    assert await shown(close, LATE) == BREACHED
    await sweep_once(close, LATE)
    async with close.connection() as connection:
        assert await store.unmarked(connection, LATE) == {}
    assert await shown(close, LATE) == BREACHED


async def test_an_alert_in_time_is_no_breach_whatever_the_timers_do(close: db.Database) -> None:
    await take(close, told(with_route_clock()), delivered(1))
    found = await shown(close, LATE)
    assert (found["route_deadlines"], found.get("route_deadlines_breached")) == (1, None)


async def test_ending_an_overdue_case_makes_its_breach_not_undone(close: db.Database) -> None:
    await take(close, told(with_route_clock()))
    async with close.transaction() as connection:
        cases = await record.held(connection, ["c1"])
        suppressing = api.Suppress(actor="ines", version=1, reason="a test of the shop")
        change = transition(cases["c1"], suppressing, LATE)
        assert isinstance(change, Changed)
        await record.changed(connection, [change], POLICY, LATE)
    found = await shown(close, LATE)
    assert found["acknowledge_deadlines_breached"] == 1
