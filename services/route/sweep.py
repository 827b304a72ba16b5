"""Delivers what is due: claims alerts under a lease, sends side by side, records the outcome."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Histogram

from services.route import decide, store
from services.route.messages import alert_event
from services.route.model import Accepted, Again, Delivery, Progress, Refused, Settled
from services.route.outbound import Outbound
from shared import db, logs, outbox
from shared.catalog import Catalog
from shared.clock import Clock
from shared.pulse import Pulse
from shared.tallies import Tally
from shared.wake import Wake, wait

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
        time_to_route: Histogram,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._event = wake.event("deliveries")
        self._clock = clock
        self._outbound = outbound
        self._catalog = catalog
        self._chance = chance
        self._time_to_route = time_to_route
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
        now = self._clock.now()
        try:
            async with self._database.transaction() as connection:
                routed = await self._record(connection, settled, now) if settled else []
                claimed = await self._claim(connection, now)
        except BaseException:
            self._settled = settled + self._settled
            raise
        for delivery in routed:
            seconds = (now - delivery.received_at).total_seconds()
            self._time_to_route.labels(delivery.team, delivery.priority).observe(seconds)
        for delivery in claimed:
            self._start(delivery)
        return len(claimed)

    # --- sending -------------------------------------------------------------------------------

    async def _claim(self, connection: db.Connection, now: datetime) -> list[Delivery]:
        free = self._limits.in_flight - len(self._tasks)
        if free <= 0:
            return []
        return await store.claim(
            connection, now, now + LEASE, self._rooms(), free, self._limits.per_endpoint
        )

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
        with logs.trace(delivery.traceparent):
            result = await self._outbound.send(delivery, self._clock.now())
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

    # --- writing down --------------------------------------------------------------------------

    async def _record(
        self, connection: db.Connection, settled: Sequence[Settled], now: datetime
    ) -> list[Delivery]:
        """Write outcomes, messages and counts; returns what was the first delivery of its case."""
        verdicts = [self._verdict(each) for each in settled]
        held = await store.settle(connection, [verdict.row for verdict in verdicts])
        kept = [verdict for verdict in verdicts if verdict.settled.delivery.alert_id in held]
        tally = Tally()
        messages = [message for verdict in kept for message in verdict.tell(tally)]
        accepted = [v.settled.delivery for v in kept if v.progress == "delivered"]
        ended = [v.settled.delivery for v in kept if v.progress == "exhausted"]
        if ended:
            await store.hold_cases(connection, {d.case_id for d in (*accepted, *ended)})
            messages += await self._escalate(connection, ended, tally, now)
        first = await store.mark_routed(connection, {d.case_id for d in accepted}, now)
        await outbox.add(connection, messages, now)
        await tally.write(connection)
        return list({d.case_id: d for d in accepted if d.case_id in first}.values())

    async def _escalate(
        self, connection: db.Connection, ended: Sequence[Delivery], tally: Tally, now: datetime
    ) -> list[outbox.Outgoing]:
        """Tell the fallback team of what no channel has heard; the cases are held."""
        rounds = {(delivery.case_id, delivery.response_id): delivery for delivery in ended}
        alerts: list[Delivery] = []
        for key, tried in (await store.unheard(connection, rounds)).items():
            escalated = decide.escalation(rounds[key], tried, self._catalog())
            alerts += escalated
            _report(rounds[key], escalated)
            if escalated:
                tally.add("alerts_escalated", rounds[key].team)
        added = await store.add_deliveries(connection, alerts, now)
        return [_queued(alert, now) for alert in added]

    def _verdict(self, settled: Settled) -> _Verdict:
        match settled.result:
            case Accepted():
                return _Verdict(settled, "delivered", settled.at)
            case Refused() as refused:
                delivery = settled.delivery
                step = decide.after_failure(delivery.kind, delivery.attempt, refused, self._chance)
                if isinstance(step, Again):
                    return _Verdict(settled, "due", settled.at + step.delay)
                return _Verdict(settled, "exhausted", settled.at)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What an attempt means for its row, for readers of the topic, and for the counters."""

    settled: Settled
    progress: Progress
    next_at: datetime

    @property
    def row(self) -> tuple[object, ...]:
        delivery, result = self.settled.delivery, self.settled.result
        failure = result.failure if isinstance(result, Refused) else None
        delivered_at = self.settled.at if self.progress == "delivered" else None
        return (
            delivery.alert_id,
            delivery.fence,
            self.progress,
            self.next_at,
            failure,
            delivered_at,
        )

    def tell(self, tally: Tally) -> list[outbox.Outgoing]:
        """Count the attempt and return what is to be said about it."""
        delivery, at = self.settled.delivery, self.settled.at
        tally.add("alert_attempts", delivery.kind)
        with logs.trace(delivery.traceparent):
            match self.settled.result:
                case Accepted():
                    tally.add("alerts_delivered", delivery.kind)
                    return [alert_event("delivered", delivery, at)]
                case Refused(failure=failure):
                    tally.add("alert_failures", delivery.kind, failure)
                    self._complain(failure)
                    events = [alert_event("failed", delivery, at, failure)]
                    if self.progress == "exhausted":
                        events.append(alert_event("exhausted", delivery, at, failure))
                    return events

    def _complain(self, failure: str) -> None:
        delivery = self.settled.delivery
        _log.warning(
            "alert not delivered",
            extra={
                "action": "alert_exhausted" if self.progress == "exhausted" else "alert_failed",
                "alert_id": delivery.alert_id,
                "endpoint": delivery.endpoint,
                "attempt": delivery.attempt,
                "reason": failure,
            },
        )


def _queued(alert: Delivery, now: datetime) -> outbox.Outgoing:
    with logs.trace(alert.traceparent):
        return alert_event("queued", alert, now, "none_accepted")


def _report(lost: Delivery, escalated: Sequence[Delivery]) -> None:
    _log.error(
        "no channel accepted the alert",
        extra={
            "action": "alert_escalated" if escalated else "case_unheard",
            "case_id": lost.case_id,
            "team": lost.team,
        },
    )
