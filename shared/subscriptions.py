"""A service's consumers on Kafka: subscribed, measured, and started again until they run."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared import kafka, topics
from shared.backlog import Backlog, Place
from shared.clock import Clock
from shared.consume import BATCH, Consumer, raw_batch, unread_batch
from shared.pulse import Pulse
from shared.records import Record
from shared.settings import Settings

_log = logging.getLogger(__name__)
LOOK = 1.0
STOP = 4.0
START = 30.0


Topics = Sequence[str] | Callable[[], Sequence[str]]
"""Names of topics; one that begins with ^ is a pattern, which must fit a whole name."""


def named(from_topics: Topics) -> tuple[str, ...]:
    """Return them as they are now."""
    return tuple(from_topics() if callable(from_topics) else from_topics)


def wanted(from_topics: Sequence[str]) -> tuple[Sequence[str], str | None]:
    """Return what to subscribe to: names, or one pattern for all when any of them is one.

    Kafka's client takes either. It asks every ten seconds which topics there are, so one that
    appears later is read too, and never our own.
    """
    if not any(name.startswith("^") for name in from_topics):
        return from_topics, None
    every = "|".join(
        f"(?:{name[1:]})" if name.startswith("^") else re.escape(name) for name in from_topics
    )
    # In FastStream's patterns a single brace has a meaning of its own.
    braced = every.replace("{", "{{").replace("}", "}}")
    return (), rf"^(?!touchback\.|__)(?:{braced})$"


class Joined(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Knows whether the group has given this member its share, which may be no partition at all."""

    def __init__(self) -> None:
        self.joined = False

    def on_partitions_revoked(self, revoked: object) -> None:
        """Nothing to do: what is under way may finish, and repeats are recognised."""

    def on_partitions_assigned(self, assigned: object) -> None:
        self.joined = True


class Subscriptions:
    """All that a service reads, as members of its one group."""

    def __init__(self, service: str, settings: Settings, clock: Clock) -> None:
        self._service = service
        self._settings = settings
        self._clock = clock
        self.backlog = Backlog()
        self._wanted: list[tuple[Topics, Consumer[Any]]] = []
        self._broker: KafkaBroker | None = None
        self._joined: list[Joined] = []

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def add(self, from_topics: Topics, consumer: Consumer[Any]) -> None:
        """Read these topics too, as they are when asked for again and again; before `run`."""
        self._wanted.append((from_topics, consumer))

    @property
    def formed(self) -> bool:
        """Whether every member has been given its share."""
        members = len(self._members()) == len(self._wanted)
        return members and all(each.joined for each in self._joined)

    async def run(self, pulse: Pulse) -> None:
        """Consume until cancelled, or until other topics are wanted, to be run again.

        Raises when Kafka cannot be reached.
        """
        broker = kafka.broker(self._settings, self._service)
        self._joined.clear()
        reading = self._topics()
        for from_topics, (_, consumer) in zip(reading, self._wanted, strict=True):
            self._subscribe(broker, from_topics, consumer)
        self._broker = broker
        self._beat_the_idle()
        try:
            async with asyncio.timeout(START):
                await broker.start()
            while self._topics() == reading:
                pulse.beat()
                self._follow_gates()
                if not await self._measure_lag():
                    self._beat_the_idle()
                await asyncio.sleep(LOOK)
        finally:
            await self._leave(broker)

    def _subscribe(
        self, broker: KafkaBroker, from_topics: Sequence[str], consumer: Consumer[Any]
    ) -> None:
        joined = Joined()
        self._joined.append(joined)
        names, pattern = wanted(from_topics)
        subscriber = broker.subscriber(
            *names,
            pattern=pattern,
            group_id=topics.group(self._service),
            batch=True,
            max_records=BATCH,
            batch_timeout_ms=200,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            fetch_max_wait_ms=self._settings.kafka_fetch_wait_ms,
            session_timeout_ms=self._settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=self._settings.kafka_session_timeout_ms // 3,
            listener=joined,
            parser=unread_batch,
            decoder=raw_batch,
        )

        async def take(batch: list[Record]) -> None:
            held = await consumer.take(batch)
            self._put_back(held)
            waiting = {each.position for each in held}
            for each in batch:
                if each.position not in waiting:
                    self.backlog.took((each.topic, each.partition), each.timestamp / 1000)

        subscriber(take)

    def _put_back(self, records: Sequence[Record]) -> None:
        """Read these again once their partition is fetched again; the commit stops before them."""
        first: dict[TopicPartition, int] = {}
        for each in records:
            place = TopicPartition(each.topic, each.partition)
            first[place] = min(first.get(place, each.offset), each.offset)
        for member in self._members():
            for place in member.assignment() & first.keys():
                member.seek(place, first[place])
                member.pause(place)

    def _follow_gates(self) -> None:
        """Fetch what a gate opened, and no longer what it closed; also after partitions moved."""
        gates = [consumer.gate for _, consumer in self._wanted if consumer.gate]
        closed = frozenset(topic for gate in gates for topic in gate.closed())
        for member in self._members() if gates else ():
            waiting = member.paused()
            shut = {place for place in member.assignment() if place.topic in closed}
            member.pause(*(shut - waiting))
            member.resume(*(waiting - shut))

    def _topics(self) -> list[tuple[str, ...]]:
        return [named(from_topics) for from_topics, _ in self._wanted]

    def _members(self) -> list[AIOKafkaConsumer]:
        subscribers = self._broker.subscribers if self._broker else ()
        found = [getattr(subscriber, "consumer", None) for subscriber in subscribers]
        return [consumer for consumer in found if consumer is not None]

    def _beat_the_idle(self) -> None:
        # While Kafka is away there is no work; a batch in hand beats by itself.
        for _, consumer in self._wanted:
            if not consumer.busy:
                consumer.pulse.beat()

    async def _measure_lag(self) -> int:
        """Publish how much waits; returns how much of it is being worked on."""
        waiting: dict[Place, int] = {}
        left_alone = 0
        for member in self._members():
            for partition in member.assignment():
                # Unknown until the first fetch; the position waits for that fetch too.
                end = member.highwater(partition)
                behind = max(0, end - await member.position(partition)) if end else 0
                waiting[partition.topic, partition.partition] = behind
                left_alone += behind if partition in member.paused() else 0
        self.backlog.look(waiting, self._clock.now().timestamp())
        return sum(waiting.values()) - left_alone

    async def _leave(self, broker: KafkaBroker) -> None:
        self._broker = None
        try:
            async with asyncio.timeout(STOP):
                await broker.stop()
        except TimeoutError:
            _log.warning("consumer did not stop in time", extra={"action": "consumer_abandoned"})
