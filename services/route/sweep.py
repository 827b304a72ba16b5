"""Delivers what is due: claims alerts under a lease, sends side by side, records the outcome."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Histogram

from services.route import decide, metrics, policy, record, store
from services.route.model import Accepted, Delivery, Settled
from services.route.outbound import Outbound
from shared import db, logs, outbox, timers
from shared.catalog import Catalog
from shared.clock import Clock, monotonic
from shared.pulse import Pulse
from shared.tallies import Tally
from shared.wake import Wake, notify, wait

_log = logging.getLogger(__name__)
IN_FLIGHT = 64
PER_ENDPOINT = 4
LEASE = timedelta(seconds=30)
POLL = 1.0
LAST_WORDS = 1.5
"""Seconds that alerts in flight are given at the stop; what is not over by then is sent again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many alerts are on their way at once; an endpoint that failed gets one until it works."""

    in_flight: int = IN_FLIGHT
    per_endpoint: int = PER_ENDPOINT


class Deliveries:
    """The delivery loop. What it could not write down yet survives a restart of the loop."""

    def __init__(
        self,
        *,
        database: db.Database,
        wake: Wake,
        clock: Clock,
        outbound: Outbound,
        catalog: Callable[[], Catalog],
        chance: Callable[[], float],
        console_url: str,
        routed: metrics.Routed,
        took: Histogram,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._event = wake.event("deliveries")
        self._clock = clock
        self._outbound = outbound
        self._catalog = catalog
        self._chance = chance
        self._console = console_url
        self._routed = routed
        self._took = took
        self._limits = limits or Limits()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy: Counter[str] = Counter()
        self._troubled: set[str] = set()
        self._settled: list[Settled] = []

    async def run(self, pulse: Pulse) -> None:
        """Deliver until cancelled; raises when PostgreSQL is away, to be run again."""
        try:
            while True:
                pulse.beat()
                await self.step()
                await wait(self._event, POLL)
        except asyncio.CancelledError:
            await self._finish()
            raise

    async def step(self) -> int:
        """Write down what is over, claim what is due and start sending it; returns how many."""
        settled, self._settled = self._settled, []
        # Of now: what ends while this is written down is unwritten still, and keeps its room.
        free, rooms = self._limits.in_flight - len(self._tasks), self._rooms()
        now = self._clock.now()
        try:
            async with self._database.transaction() as connection:
                routed = await self._record(connection, settled, now) if settled else []
                claimed = await self._claim(connection, free, rooms, now)
                await self._tell(connection, claimed, now)
        except BaseException:
            self._settled = settled + self._settled
            raise
        for delivery in routed:
            self._routed.remember(delivery, now)
        for delivery in claimed:
            self._start(delivery)
        return len(claimed)

    # --- sending -------------------------------------------------------------------------------

    async def _claim(
        self, connection: db.Connection, free: int, rooms: Mapping[str, int], now: datetime
    ) -> list[Delivery]:
        if free <= 0:
            return []
        claimed = await store.claim(
            connection, now, now + LEASE, rooms, free, self._limits.per_endpoint
        )
        return await self._digests(connection, claimed)

    async def _record(
        self, connection: db.Connection, settled: Sequence[Settled], now: datetime
    ) -> list[Delivery]:
        verdicts = [record.verdict(each, self._chance) for each in settled]
        return await record.attempts(connection, verdicts, self._catalog(), self._console, now)

    async def _tell(
        self, connection: db.Connection, claimed: Sequence[Delivery], now: datetime
    ) -> None:
        """Say of those whose turn has come in the order of failing over that they are queued."""
        over = [d for d in claimed if d.rank and d.attempt == 1 and policy.takes_turns(d)]
        reported = [record.queued(d, now, "failed_over") for d in over if policy.reported(d)]
        await outbox.add(connection, reported, now)
        tally = Tally()
        for delivery in over:
            tally.add("alerts_failed_over", delivery.kind)
        await tally.write(connection)

    def _rooms(self) -> dict[str, int]:
        endpoints = {*self._busy, *self._troubled}
        return {each: max(0, self._allowed(each) - self._busy[each]) for each in endpoints}

    def _allowed(self, endpoint: str) -> int:
        return 1 if endpoint in self._troubled else self._limits.per_endpoint

    def _start(self, delivery: Delivery) -> None:
        self._busy[delivery.endpoint] += 1
        task = asyncio.create_task(self._attempt(delivery))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(done, delivery.endpoint))

    def _ended(self, task: asyncio.Task[None], endpoint: str) -> None:
        self._tasks.discard(task)
        self._busy[endpoint] -= 1
        if not self._busy[endpoint]:
            del self._busy[endpoint]
        self._event.set()

    async def _attempt(self, delivery: Delivery) -> None:
        with logs.trace(delivery.traceparent, "alert"):
            asked = monotonic()
            result = await self._outbound.send(delivery, self._clock.now())
            self._took.labels(delivery.kind).observe(monotonic() - asked, logs.example())
        if isinstance(result, Accepted):
            self._troubled.discard(delivery.endpoint)
        else:
            self._troubled.add(delivery.endpoint)
        self._settled.append(Settled(delivery, result, self._clock.now()))

    async def _finish(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_WORDS)
        for task in tuple(self._tasks):
            task.cancel()
        settled, self._settled = self._settled, []
        if settled:
            try:
                async with asyncio.timeout(LAST_WORDS), self._database.transaction() as connection:
                    await self._record(connection, settled, self._clock.now())
            except db.AWAY:
                _log.warning("outcomes not written", extra={"action": "alerts_unrecorded"})
        await self._outbound.close()

    async def _digests(
        self, connection: db.Connection, claimed: Sequence[Delivery]
    ) -> list[Delivery]:
        """Fill claimed digests with what they hold by now; one that holds nothing is not sent."""
        ids = [each.alert_id for each in claimed if each.notice["type"] == "alerts.digest"]
        if not ids:
            return list(claimed)
        members = await store.members(connection, ids)
        await store.drop(connection, [each for each in ids if not members[each]])
        return [
            decide.digest(each, members[each.alert_id], self._console)
            if members.get(each.alert_id)
            else each
            for each in claimed
            if members.get(each.alert_id, True)
        ]


async def refresh(connection: db.Connection, due: Sequence[timers.Timer], now: datetime) -> None:
    """Timer handler: Alertmanagers are told again of the cases that are still open."""
    cases = await store.cases_now(connection, {timer.ref for timer in due})
    going_on = {name: case for name, case in cases.items() if case.state not in policy.ENDED}
    rows = await store.current(connection, going_on)
    alerts = [
        decide.refreshed(row, going_on[row.case_id]) for row in rows if row.kind == "alertmanager"
    ]
    await store.forget(connection, [each.alert_id for each in alerts])
    await record.owe(connection, alerts, now)
    # Whatever comes of this round, there is a next one: only the end of a case is the end of them.
    await timers.schedule(connection, [record.refresh_of(name, now) for name in going_on])


async def silence_over(
    connection: db.Connection, due: Sequence[timers.Timer], now: datetime
) -> None:
    """Timer handler: what ended silences have held back is owed now."""
    await store.release(connection, [timer.ref for timer in due], now)
    await notify(connection, "deliveries")
