"""Durable timers: rows that come due, claimed by SKIP LOCKED in the transaction that acts."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared import db, kernel
from shared.clock import Clock
from shared.pulse import Pulse
from shared.wake import Wake, notify, wait

_log = logging.getLogger(__name__)
BATCH = 500
POLL = 1.0
SHORTEST_WAIT = 0.05
LONGEST_BACKOFF = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Timer:
    """Something to do at `due_at`. (kind, ref) is unique: setting it again moves it."""

    kind: str
    ref: str
    due_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0


Handler = Callable[[db.Connection, Sequence[Timer], datetime], Awaitable[None]]


async def schedule(connection: db.Connection, timers: Iterable[Timer]) -> None:
    """Set timers in the running transaction."""
    unique = {(timer.kind, timer.ref): timer for timer in timers}
    if not unique:
        return
    rows = list(unique.values())
    await connection.execute(
        kernel.QUERIES["timers_schedule"],
        [timer.kind for timer in rows],
        [timer.ref for timer in rows],
        [timer.due_at for timer in rows],
        [dict(timer.payload) for timer in rows],
    )
    await notify(connection, "timers")


async def hold(connection: db.Connection, kind: str, refs: Sequence[str]) -> None:
    """Wait until no sweep has these timers in hand, and keep them until the transaction ends.

    A sweep locks the timer first and what it is about second. A transaction that moves or cancels
    timers of rows it has locked must take them in that order too, or the two wait for each other.
    """
    await connection.execute(kernel.QUERIES["timers_hold"], kind, list(refs))


async def cancel(connection: db.Connection, kind: str, refs: Sequence[str]) -> None:
    """Unset timers; those that are gone already do no harm."""
    await connection.execute(kernel.QUERIES["timers_cancel"], kind, list(refs))


def backoff(attempts: int) -> timedelta:
    """Wait after the n-th failure (n from 1): 1 s, doubled each time, at most ten minutes."""
    return min(timedelta(seconds=2.0 ** min(attempts - 1, 20)), LONGEST_BACKOFF)


class Sweep:
    """Runs what is due. A handler that fails is tried again later and holds up no other timer."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        wake: Wake,
        handlers: Mapping[str, Handler],
        pulse: Pulse,
    ) -> None:
        self._database = database
        self._clock = clock
        self._event = wake.event("timers")
        self._handlers = dict(handlers)
        self._pulse = pulse

    async def run(self) -> None:
        """Sweep until cancelled; raises when PostgreSQL is away, to be run again."""
        while True:
            self._pulse.beat()
            if await self.step() < BATCH:
                await wait(self._event, await self.until_next())

    async def step(self) -> int:
        """Handle one batch of due timers and return how many there were."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            # Kinds that another release knows are left to its processes.
            rows = await connection.fetch(
                kernel.QUERIES["timers_claim"], now, BATCH, list(self._handlers)
            )
            due = sorted((Timer(**dict(row)) for row in rows), key=lambda timer: timer.due_at)
            for kind in dict.fromkeys(timer.kind for timer in due):
                await self._handle(connection, [t for t in due if t.kind == kind], now)
        return len(due)

    async def _handle(self, connection: db.Connection, due: list[Timer], now: datetime) -> None:
        if await self._tried(connection, due, now):
            return
        for timer in due:
            if not await self._tried(connection, [timer], now):
                await self._again(connection, timer, now)

    async def _tried(self, connection: db.Connection, due: list[Timer], now: datetime) -> bool:
        handler = self._handlers[due[0].kind]
        try:
            async with connection.transaction():
                await handler(connection, due, now)
        except db.AWAY:
            raise
        except Exception:  # noqa: BLE001  (one broken timer must not stop the others: it is logged and retried)
            _log.exception("timer failed", extra={"action": "timer_failed", "kind": due[0].kind})
            return False
        return True

    async def _again(self, connection: db.Connection, timer: Timer, now: datetime) -> None:
        attempts = timer.attempts + 1
        await connection.execute(
            kernel.QUERIES["timers_again"],
            timer.kind,
            timer.ref,
            now + backoff(attempts),
            dict(timer.payload),
            attempts,
        )

    async def until_next(self) -> float:
        """Return how many seconds to wait before looking again, unless woken."""
        async with self._database.connection() as connection:
            due_at = await connection.fetchval(kernel.QUERIES["timers_next"], list(self._handlers))
        if due_at is None:
            return POLL
        left: float = (due_at - self._clock.now()).total_seconds()
        # What is due and was not claimed just now is in another sweep's hands.
        return min(POLL, max(SHORTEST_WAIT, left))
