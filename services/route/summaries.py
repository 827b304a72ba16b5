"""Tells managers how their team does, every day or every week, in the morning of the team."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from services.route import decide, record, store
from shared import db
from shared.catalog import Catalog, Channel, Team
from shared.clock import Clock
from shared.contracts.cases import Deadline
from shared.pulse import Pulse

LOOK = 30.0


class Summaries:
    """Looks now and then whether one is due; its id keeps several routers from telling it twice."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        catalog: Callable[[], Catalog],
        console_url: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._console_url = console_url

    async def run(self, pulse: Pulse) -> None:
        """Look until cancelled; raises when PostgreSQL is away, to be run again."""
        while True:
            pulse.beat()
            await self.step()
            await asyncio.sleep(LOOK)

    async def step(self) -> None:
        """Owe the summaries that are due and not owed yet."""
        now = self._clock.now()
        for team in self._catalog().teams:
            for channel in team.channels:
                if channel.summary is None:
                    continue
                due = decide.slot(channel.summary, team.time_zone, now)
                if due is not None:
                    await self._owe(team, channel, due, now)

    async def _owe(self, team: Team, channel: Channel, due: datetime, now: datetime) -> None:
        async with self._database.transaction() as connection:
            if await store.state_of(connection, decide.summary_id(channel, due)) is not None:
                return
            since = due - decide.SPANS[channel.summary or "daily"]
            cases = [kept_of(row) for row in await store.of_team(connection, team.team, since)]
            told = decide.summary(team, channel, due, cases, self._console_url, now)
            await record.owe(connection, [told], now)


def kept_of(row: db.Row) -> decide.Kept:
    """Return what the figures need of a case."""
    snapshot = row["snapshot"]
    first = snapshot.get("first") or snapshot["deadlines"]
    return decide.Kept(
        row["state"],
        row["open"],
        row["opened_at"],
        tuple(Deadline.model_validate(each) for each in snapshot["deadlines"]),
        snapshot.get("root_cause"),
        tuple(d for each in first if (d := Deadline.model_validate(each)).cycle == 1),
    )
