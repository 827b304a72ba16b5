"""What happens because time passed, and the auditor who looks whether time can pass at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from services.close import record, store
from services.close.decide import tick
from services.close.model import Changed
from services.close.policy import Policy
from shared import db
from shared.clock import Clock
from shared.pulse import Pulse
from shared.tallies import Tally
from shared.timers import Timer

_log = logging.getLogger(__name__)
AUDIT_EVERY = 30.0
MOST = 500


class Sweep:
    """The timers of cases: what is due is done, and the next time is set."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy

    async def due(self, connection: db.Connection, due: Sequence[Timer], now: datetime) -> None:
        """Warn, mark what ran out, escalate, let go on, and close what stayed quiet."""
        policy = self._policy()
        cases = await store.lock(connection, {timer.payload["case_id"] for timer in due})
        cases = await record.routed(connection, cases, now)
        changes: list[Changed] = []
        for case in cases.values():
            changes += tick(case, now, policy.at_work)
        await record.changed(connection, changes, policy, now)
        unchanged = set(cases) - {change.case.id for change in changes}
        await record.wake(connection, [cases[each] for each in sorted(unchanged)], now)


class Auditor:
    """Looks whether every case that is not over has a timer; one without gets it back.

    `clean_at` is when that was last so: it stands still while anything was wrong.
    """

    def __init__(self, database: db.Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.clean_at: datetime | None = None

    async def run(self, pulse: Pulse) -> None:
        """Look for ever; raises when PostgreSQL is away, to be run again."""
        while True:
            pulse.beat()
            await self.look()
            await asyncio.sleep(AUDIT_EVERY)

    async def look(self) -> int:
        """Return how many cases had no timer, after giving them one."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            found = await store.unwatched(connection, MOST)
            if found:
                cases = await record.held(connection, found)
                await record.wake(connection, list(cases.values()), now)
                tally = Tally()
                tally.add("cases_without_timer", by=len(found))
                await tally.write(connection)
        if not found:
            self.clean_at = now
        else:
            extra = {"action": "cases_unwatched", "count": len(found), "first": found[0]}
            _log.error("cases without a timer", extra=extra)
        return len(found)
