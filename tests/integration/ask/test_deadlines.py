"""A moment that nobody decides is late when its time is over, and not once somebody does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.ask import lives, metrics
from shared import db, tallies
from tests.integration.ask.test_deciding import hear, sweep
from tests.support.clock import START, ManualClock
from tests.unit.ask.moments import a_catalog, a_profile, a_signal, hours


async def shown(pool: db.Database, now: datetime) -> Mapping[str, float]:
    async with pool.connection() as connection:
        waiting = {
            name: await lives.undecided(connection, now - timedelta(seconds=seconds))
            for name, seconds in metrics.DEADLINES.items()
        }
        families = metrics.deadlines(await tallies.read(connection), waiting, a_catalog())
    return {
        family.name.removeprefix("touchback_"): sample.value
        for family in families
        for sample in family.samples
        if sample.value
    }


async def test_late_moments_show_before_and_after_they_are_decided(
    pool: db.Database, clock: ManualClock
) -> None:
    await hear(pool, a_profile("token"), a_signal("e1", name="order.returned"))
    late = START + hours(3)
    waiting = await shown(pool, late)
    assert waiting == dict.fromkeys(
        ("decision_deadlines", "decision_deadlines_breached", "decisions_overdue"), 1
    )
    clock.advance(hours(3))
    await sweep(pool, clock)
    assert await shown(pool, late) == waiting


async def test_a_moment_decided_at_once_is_in_time(pool: db.Database) -> None:
    await hear(pool, a_profile("token"), a_signal("e1"))
    assert await shown(pool, START) == {"decision_deadlines": 1}
