"""What waits of a customer who is erased comes to nothing, at once, and names nobody."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.ask import people
from services.ask.decide.rhythm import next_slot, signal
from services.ask.rhythms import Walker
from shared import db, erasure
from shared.contracts.asks import Decision
from tests.integration.ask.test_deciding import a_desk, count, hear, sweep
from tests.support.clock import START, ManualClock
from tests.support.wait import eventually
from tests.unit.ask.moments import FILES, POLICY, a_catalog, a_plan, a_profile, a_signal, hours
from tests.unit.ask.test_triggers import RHYTHM

DESK = a_desk(
    {"touchpoints.yaml": FILES["touchpoints.yaml"].replace("act: case", "act: case\n  delay: 1h")}
)


async def erase(pool: db.Database, customer: str, clock: ManualClock) -> None:
    async with pool.transaction() as connection:
        await people.erase(connection, customer, clock.now())


async def recorded(pool: db.Database) -> list[Decision]:
    """Each decision there is."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select body from decisions")
    return [Decision.model_validate(row["body"]) for row in rows]


@pytest.mark.parametrize("name", ["order.returned", "order.lost"], ids=["an ask", "a case"])
async def test_a_moment_that_waits_ends_with_its_customer(
    pool: db.Database, clock: ManualClock, name: str
) -> None:
    await hear(pool, a_profile("token"), a_signal(name=name, correlation="o1"), desk=DESK)
    assert await count(pool, "candidates") == 1
    await erase(pool, "c1", clock)
    await sweep(pool, clock, DESK)
    assert (await count(pool, "candidates"), await count(pool, "invitations")) == (0, 0)
    (decision,) = await recorded(pool)
    assert (decision.outcome, decision.silence) == ("silent", "not_eligible")
    assert decision.rules[0].compared == {"problem": "the customer was erased"}
    assert decision.customer_id.startswith("erased:")
    clock.advance(hours(2))
    await sweep(pool, clock, DESK)
    assert await count(pool, "decisions") == 1, "its own timer finds nothing any more"


async def test_the_moment_of_another_customer_goes_on_waiting(
    pool: db.Database, clock: ManualClock
) -> None:
    for name in ("c1", "c2"):
        await hear(
            pool,
            a_profile("token", name),
            a_signal(name, customer=name, name="order.returned"),
        )
    await erase(pool, "c1", clock)
    await sweep(pool, clock)
    assert (await count(pool, "candidates"), await count(pool, "decisions")) == (1, 1)
    clock.advance(hours(1))
    await sweep(pool, clock)
    assert await count(pool, "invitations") == 1


async def test_a_rhythm_does_not_write_down_again_who_is_being_erased(
    pool: db.Database, clock: ManualClock
) -> None:
    rhythms = a_catalog({"touchpoints.yaml": RHYTHM, "policy.yaml": POLICY})
    desk = a_desk({"touchpoints.yaml": RHYTHM, "policy.yaml": POLICY})
    await hear(pool, a_profile("token", segment="business"), desk=desk)
    walker = Walker(pool, clock, lambda: rhythms, desk)
    slot = next_slot(a_plan("relationship", rhythms), "c1", START)
    clock.advance(slot.at - timedelta(seconds=1) - START)
    await walker.step()
    clock.advance(timedelta(seconds=2))

    async with pool.transaction() as erasing:
        await erasure.hold(erasing, alone=True)
        await people.erase(erasing, "c1", clock.now())
        walking = asyncio.create_task(walker.step())
        await eventually(lambda: waits(pool, walking), within=10)
    await walking

    assert await count(pool, "decisions where customer_id = 'c1'") == 0


async def waits(pool: db.Database, walking: asyncio.Task[bool]) -> bool:
    """Whether somebody waits for a lock, or has not had to."""
    waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    async with pool.connection() as other:
        return bool(await other.fetchval(waiting)) or walking.done()


def test_the_id_of_a_rhythms_moment_does_not_say_whose_it_is() -> None:
    plan = a_plan("relationship", a_catalog({"touchpoints.yaml": RHYTHM}))
    slots = {name: next_slot(plan, name, START) for name in ("kim-4711", "lee-4712")}
    ids = {signal(plan, name, slot).source_event_id for name, slot in slots.items()}
    assert len(ids) == 2
    assert not any(name in id for name in slots for id in ids)
    again = next_slot(plan, "kim-4711", START + timedelta(days=400))
    assert signal(plan, "kim-4711", again).source_event_id not in ids
