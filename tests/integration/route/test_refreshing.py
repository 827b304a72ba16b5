"""Alertmanagers are told again of open cases, also after they refused to be; without a real one."""

from __future__ import annotations

from datetime import timedelta

from services.route import policy, record, store
from services.route.model import Accepted, Refused, Result, Settled
from services.route.sweep import refresh
from shared import db
from shared.catalog import Catalog, Channel
from shared.clock import monotonic
from shared.pulse import Pulse
from shared.timers import Sweep
from shared.wake import Wake
from tests.integration.route.ground import (
    CONSOLE,
    ShiftedClock,
    case_events,
    completed,
    from_close,
    rows,
    take,
)
from tests.unit.route.catalogs import catalog, response, team

WATCH = Channel(channel="watch", kind="alertmanager", url="http://127.0.0.1:1/")
LEASE = timedelta(seconds=30)


class Hours:
    """An hour after the other, with the sweep and what the receiver answers in each."""

    def __init__(self, database: db.Database, known: Catalog) -> None:
        self._database = database
        self._known = known
        self.clock = ShiftedClock()
        handlers = {policy.REFRESHED: refresh}
        self._sweep = Sweep(database, self.clock, Wake(database), handlers, Pulse("t", monotonic))

    async def sent(self, result: Result) -> int:
        """Attempt what is due, with this outcome; returns how many that were."""
        now = self.clock.now()
        async with self._database.transaction() as connection:
            claimed = await store.claim(connection, now, now + LEASE, {}, 10, 4)
        if claimed:
            async with self._database.transaction() as connection:
                over = [record.verdict(Settled(each, result, now), lambda: 0.5) for each in claimed]
                await record.attempts(connection, over, self._known, CONSOLE, now)
        return len(claimed)

    async def next(self) -> int:
        """Let an hour pass; returns how many timers came due."""
        self.clock.ahead += policy.REFRESH + timedelta(minutes=1)
        return await self._sweep.step()


async def test_a_refusal_costs_one_hour_of_an_open_case_and_no_more(route_db: db.Database) -> None:
    hours = Hours(route_db, catalog(None, team("care", WATCH)))
    now = hours.clock.now()
    await take(
        route_db,
        catalog(None, team("care", WATCH)),
        completed(response(received_at=now, at=now)),
        now=now,
    )
    (case,) = await case_events(route_db, "opened")
    assert await hours.sent(Accepted()) == 1

    for outcome in (Refused("not_found"), Refused("not_found"), Accepted(), Accepted()):
        assert (await hours.next(), await hours.sent(outcome)) == (1, 1)

    await take(
        route_db,
        catalog(None, team("care", WATCH)),
        from_close(case, "closed", version=9, state="closed"),
    )
    assert await hours.sent(Accepted()) == 1
    assert (await hours.next(), await hours.next()) == (1, 0)
    assert await rows(route_db, "timers", "kind") == []


async def test_what_is_still_tried_at_the_next_hour_is_not_told_twice(
    route_db: db.Database,
) -> None:
    known = catalog(None, team("care", WATCH))
    hours = Hours(route_db, known)
    now = hours.clock.now()
    await take(route_db, known, completed(response(received_at=now, at=now)), now=now)
    assert await hours.sent(Accepted()) == 1

    assert (await hours.next(), await hours.sent(Refused("timeout"))) == (1, 1)
    assert (await hours.next(), await hours.sent(Accepted())) == (1, 1)
    assert [row["state"] for row in await rows(route_db, "deliveries")] == ["delivered"] * 2
