"""Topics that pause themselves: what stands on them is left unread, and looked at now and then."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from services.listen import breaker, store
from services.listen.breaker import Refusals, Window
from services.listen.model import Pause
from services.listen.policy import Dialects
from shared import db
from shared.catalog.sources import PauseAbove
from shared.clock import Clock
from shared.consume import Seen
from shared.metrics import PREFIX
from shared.pulse import Pulse
from shared.records import Record

_log = logging.getLogger(__name__)
LOOK = 1.0


class Pauses:
    """Stands before the consumer: says which records of a batch wait where they are.

    Replicas share the pauses through the database; each counts what it saw itself.
    """

    def __init__(
        self, database: db.Database, clock: Clock, current: Callable[[], Dialects]
    ) -> None:
        self._database = database
        self._clock = clock
        self._current = current
        self._windows: dict[str, Window] = defaultdict(Window)
        self._known: dict[str, Pause] | None = None
        self._catalog_changed = False

    def closed(self) -> frozenset[str]:
        """Name the topics that are not to be fetched at this moment."""
        now = self._clock.now()
        return frozenset(topic for topic, pause in (self._known or {}).items() if pause.holds(now))

    async def hold(self, seen: Sequence[Seen]) -> list[Record]:
        """Return the records that stay unread; nothing is counted yet."""
        if self._known is None:
            await self.look()
        held: list[Record] = []
        for topic, group in _by_topic(seen).items():
            first = await self._first_held(topic, [each.refusal for each in group])
            held += [each.record for each in group[first:]]
        return held

    def stored(self, seen: Sequence[Seen]) -> None:
        """Count what was stored."""
        for topic, group in _by_topic(seen).items():
            self._windows[topic].add([each.refusal for each in group], self._clock.now())

    async def run(self, pulse: Pulse) -> None:
        """Follow what other replicas and people decide."""
        while True:
            pulse.beat()
            await self.look()
            if self._catalog_changed and self._known:
                await self.try_now(list(self._known))
            self._catalog_changed = False
            await asyncio.sleep(LOOK)

    def catalog_changed(self) -> None:
        """Look again at everything soon: the mappings may have been repaired. From any thread."""
        self._catalog_changed = True

    async def try_now(self, topics: Sequence[str], open_for: timedelta | None = None) -> int:
        """Look at these topics again at once; for so long whatever is refused is a dead letter."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            until = now + open_for if open_for else None
            found = await store.try_now(connection, topics, now, until)
        await self.look()
        return found

    def of(self, topic: str) -> Pause | None:
        """Return the pause of a topic, as last seen."""
        return (self._known or {}).get(topic)

    def of_source(self, name: str) -> list[Pause]:
        """Return the pauses of the topics of a source, as last seen."""
        return [each for topic, each in (self._known or {}).items() if name in self._sources(topic)]

    async def gauge(self, connection: db.Connection, now: datetime) -> list[Metric]:
        """Say of each source whether it is paused."""
        found = await store.pauses(connection)
        family = GaugeMetricFamily(
            PREFIX + "source_paused",
            "1 while the topic of a source is left unread, because too much of it was refused.",
            labels=("source",),
        )
        waiting = {
            name
            for topic, pause in found.items()
            if not pause.open(now)
            for name in self._sources(topic)
        }
        for name in self._current().sources:
            family.add_metric((name,), float(name in waiting))
        return [family]

    async def look(self) -> None:
        """Learn what the replicas share."""
        async with self._database.connection() as connection:
            self._known = await store.pauses(connection)

    async def _first_held(self, topic: str, outcomes: Refusals) -> int:
        """Return where in a batch the records begin that wait; its length when none do."""
        now, pause = self._clock.now(), self.of(topic)
        if pause is None:
            return await self._judge(topic, outcomes, now)
        if pause.open(now):
            return len(outcomes)
        if not pause.holds(now):
            if not breaker.still_bad(outcomes, self._limit(topic)):
                await self._resume(pause)
                return len(outcomes)
            await self._wait_longer(pause, outcomes, now)
        return 0

    async def _judge(self, topic: str, outcomes: Refusals, now: datetime) -> int:
        tripped = breaker.trip(self._windows[topic], outcomes, self._limit(topic), now)
        if tripped is None:
            return len(outcomes)
        place, failed, seen = tripped
        reason = breaker.last(outcomes[:place]) or ""
        async with self._database.transaction() as connection:
            await store.pause(connection, breaker.paused(topic, reason, failed, seen, now))
        self._windows.pop(topic, None)
        await self.look()
        extra = {"action": "topic_paused", "topic": topic, "sources": self._sources(topic)}
        counts = {"failed": failed, "seen": seen, "error": reason[:300]}
        _log.error("topic paused, too much of it is refused", extra={**extra, **counts})
        return place

    async def _resume(self, pause: Pause) -> None:
        async with self._database.transaction() as connection:
            await store.resume(connection, pause.topic)
        self._windows.pop(pause.topic, None)
        await self.look()
        extra = {"action": "topic_resumed", "topic": pause.topic}
        _log.warning("topic resumed", extra={**extra, "sources": self._sources(pause.topic)})

    async def _wait_longer(self, pause: Pause, outcomes: Refusals, now: datetime) -> None:
        after = breaker.longer(pause, outcomes, now)
        async with self._database.transaction() as connection:
            await store.tried(connection, pause, after)
        await self.look()
        extra = {"action": "topic_stays_paused", "topic": pause.topic, "error": after.reason[:300]}
        _log.warning("topic stays paused", extra={**extra, "next_try": after.next_try.isoformat()})

    def _sources(self, topic: str) -> list[str]:
        return [each.source for each in self._current().on(topic)]

    def _limit(self, topic: str) -> PauseAbove:
        sources = self._current().on(topic)
        return breaker.strictest(each.pause for each in sources) if sources else PauseAbove()


def _by_topic(seen: Sequence[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = defaultdict(list)
    for each in seen:
        found[each.record.topic].append(each)
    return found
