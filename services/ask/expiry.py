"""Says of asks that nobody answered them in time: silence is not good news."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.ask import outcomes, sends
from shared import db, outbox
from shared.clock import Clock
from shared.pulse import Pulse
from shared.tallies import Tally

EVERY = 5.0
AT_ONCE = 500
ON_THE_WAY = timedelta(minutes=1)
"""How long an answer given in the last moment may take to get here."""


class Expiry:
    """The loop that looks for asks whose time is over. Replicas take turns by row locks."""

    def __init__(self, database: db.Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self, pulse: Pulse) -> None:
        """Look until cancelled; raises when PostgreSQL is away, to be run again."""
        while True:
            pulse.beat()
            if await self.step() < AT_ONCE:
                await asyncio.sleep(EVERY)

    async def step(self) -> int:
        """Say it of the next ones; returns how many there were."""
        now, tally = self._clock.now(), Tally()
        async with self._database.transaction() as connection:
            over = await sends.unanswered(connection, now - ON_THE_WAY, AT_ONCE)
            for each in over:
                tally.add("invitations_expired", each.touchpoint)
            said = [
                outcomes.said("expired", each.model_copy(update={"at": now}), now) for each in over
            ]
            await outbox.add(connection, said, now)
            await tally.write(connection)
        return len(over)
