"""Decisions about one customer take turns, whatever makes them: the row lock is what keeps caps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from services.ask.decide.rhythm import Slot, signal
from services.ask.decide.triggers import Found, candidate
from services.ask.policy import book
from shared import db
from tests.integration.ask.test_deciding import a_desk, decisions, hear, items, sweep
from tests.support.clock import START, ManualClock
from tests.support.wait import eventually
from tests.unit.ask.moments import POLICY, TOUCHPOINTS, a_catalog, a_profile, a_signal, hours

RHYTHM = "- touchpoint: nps\n  on: {every: 30d}\n  survey: delivery\n"
FILES = {"touchpoints.yaml": TOUCHPOINTS + RHYTHM, "policy.yaml": POLICY}
NOW = START + hours(1)
JUST_BEFORE = NOW - timedelta(minutes=1)
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


async def a_second_signal(pool: db.Database) -> None:
    await hear(pool, a_signal("e2", at=NOW), now=NOW, desk=a_desk(FILES))


async def a_moment_that_waited(pool: db.Database) -> None:
    await sweep(pool, ManualClock(NOW), a_desk(FILES))


async def a_rhythm(pool: db.Database) -> None:
    plans = book(a_catalog(FILES))
    plan = plans.plans["nps"]
    found = Found(candidate(plan, signal(plan, "c1", Slot(1, NOW))), plan)
    async with pool.transaction() as connection:
        await a_desk(FILES).visit(connection, plans, [found], NOW)


@pytest.mark.parametrize(
    ("other", "touchpoint"),
    [(a_second_signal, "delivered"), (a_moment_that_waited, "returned"), (a_rhythm, "nps")],
)
async def test_what_comes_while_a_customer_is_decided_about_waits_and_meets_the_cap(
    pool: db.Database, other: Callable[[db.Database], Awaitable[None]], touchpoint: str
) -> None:
    desk = a_desk(FILES)
    await hear(pool, a_profile("token"), a_signal("r1", name="order.returned"), desk=desk)
    async with pool.transaction() as connection:
        await desk.hear(connection, items(a_signal("e1", at=JUST_BEFORE)), JUST_BEFORE)
        second = asyncio.ensure_future(other(pool))

        async def blocked() -> bool:
            async with pool.connection() as beside:
                return bool(await beside.fetchval(WAITING)) or second.done()

        await eventually(blocked, within=10)
    await second
    found = await decisions(pool)
    assert found.pop("e1/delivered") == "ask"
    assert touchpoint in {each.rpartition("/")[2] for each in found}
    assert set(found.values()) == {"cap_person"}
