"""What waits of a customer who is erased comes to nothing, at once, and names nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.ask import people
from services.ask.decide.rhythm import next_slot, signal
from shared import db
from shared.contracts.asks import Decision
from tests.integration.ask.test_deciding import a_desk, count, hear, sweep
from tests.support.clock import START, ManualClock
from tests.unit.ask.moments import FILES, a_catalog, a_plan, a_profile, a_signal, hours
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


def test_the_id_of_a_rhythms_moment_does_not_say_whose_it_is() -> None:
    plan = a_plan("relationship", a_catalog({"touchpoints.yaml": RHYTHM}))
    slots = {name: next_slot(plan, name, START) for name in ("kim-4711", "lee-4712")}
    ids = {signal(plan, name, slot).source_event_id for name, slot in slots.items()}
    assert len(ids) == 2
    assert not any(name in id for name in slots for id in ids)
    again = next_slot(plan, "kim-4711", START + timedelta(days=400))
    assert signal(plan, "kim-4711", again).source_event_id not in ids
