"""Brings the outbox to Kafka: in order per key, woken by NOTIFY, many relays side by side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import cast

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from shared import db, kernel
from shared.clock import monotonic
from shared.pulse import Pulse
from shared.wake import Wake, wait

_log = logging.getLogger(__name__)
BATCH = 500
BATCH_BYTES = 4 * 1024 * 1024
POLL = 1.0
SEND_TIMEOUT = 15.0
HOLD, LONGEST_HOLD = 1.0, 300.0
"""Seconds until a topic that is not there is looked for again: each time twice as long."""
UNSENDABLE = (AssertionError, TypeError, ValueError)
"""What the client raises of a message that it does not take, whenever it is given it."""
TOPIC_FAULTS = (
    InvalidTopicError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
ProducerFactory = Callable[[], Awaitable[AIOKafkaProducer]]


@dataclass(slots=True)
class Outcome:
    """What became of a batch, by position in the outbox."""

    sent: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hold:
    """Until when, on the monotonic clock, a topic is not tried again, and how long that was."""

    until: float
    seconds: float


class Relay:
    """Publishes and deletes rows; a crash in between publishes them again with the same id.

    A relay locks the key ranges it works on, so that two never publish the same key at once.
    """

    def __init__(
        self, database: db.Database, wake: Wake, producer: ProducerFactory, pulse: Pulse
    ) -> None:
        self._database = database
        self._event = wake.event("outbox")
        self._make_producer = producer
        self._producer: AIOKafkaProducer | None = None
        self._hold: dict[str, Hold] = {}
        self._pulse = pulse

    async def run(self) -> None:
        """Publish until cancelled; raises when Kafka or PostgreSQL is away, to be run again."""
        try:
            while True:
                self._pulse.beat()
                if not await self.step():
                    await wait(self._event, POLL)
        finally:
            await self._drop_producer()

    async def flush(self, seconds: float) -> None:
        """Publish what is left before the process ends, for at most so long."""
        try:
            async with asyncio.timeout(seconds):
                while await self.step():
                    pass
        except (KafkaError, asyncpg.PostgresError, *db.AWAY) as error:
            # The rows stay; the next process publishes them.
            extra = {"action": "outbox_not_flushed", "error": str(error)[:300]}
            _log.warning("outbox not flushed", extra=extra)
        finally:
            await self._drop_producer()

    async def step(self) -> int:
        """Publish one batch and return how many messages left the queue."""
        async with self._database.transaction() as connection:
            slots = [row["slot"] for row in await connection.fetch(kernel.QUERIES["outbox_claim"])]
            if not slots:
                return 0
            rows = await connection.fetch(
                kernel.QUERIES["outbox_pending"], slots, BATCH, BATCH_BYTES, self._held()
            )
            outcome = await self._publish(rows)
            await connection.execute(kernel.QUERIES["outbox_sent"], outcome.sent)
            for position, why in outcome.refused.items():
                await connection.execute(kernel.QUERIES["outbox_refuse"], position, why)
            return len(outcome.sent) + len(outcome.refused)

    def _held(self) -> list[str]:
        """Name the topics that must not be tried again yet."""
        now = monotonic()
        return [topic for topic, hold in self._hold.items() if hold.until > now]

    async def _publish(self, rows: Sequence[db.Row]) -> Outcome:
        # Without this bound a publish waits for ever while Kafka is down, holding the row locks.
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                if self._producer is None:
                    self._producer = await self._make_producer()
                return await self._send_all(self._producer, rows)
        except BaseException:
            # Batches of a producer that failed half-way may still arrive: never reuse it.
            await self._drop_producer()
            raise

    async def _send_all(self, producer: AIOKafkaProducer, rows: Sequence[db.Row]) -> Outcome:
        outcome, acks = Outcome(), []
        await self._look_for(producer, {row["aggregatetype"] for row in rows})
        for row in rows:
            if row["aggregatetype"] not in self._held():
                try:
                    acks.append((row, await self._send(producer, row)))
                except (KafkaError, *UNSENDABLE) as error:
                    self._judge(outcome, row, error)
        results = await asyncio.gather(*(ack for _, ack in acks), return_exceptions=True)
        for (row, _), result in zip(acks, results, strict=True):
            if isinstance(result, BaseException):
                self._judge(outcome, row, result)
            else:
                outcome.sent.append(row["position"])
                self._hold.pop(row["aggregatetype"], None)
        return outcome

    async def _look_for(self, producer: AIOKafkaProducer, topics: Set[str]) -> None:
        """Hold back at once what is not there: a send would look ten seconds for each topic."""
        client = producer.client
        if unknown := topics - client.cluster.topics():
            for topic in unknown:
                client.add_topic(topic)
            if not await client.force_metadata_update():
                raise KafkaConnectionError("no broker says which topics there are")
        for topic in topics - client.cluster.topics():
            self._hold_back(topic, UnknownTopicOrPartitionError())

    def _hold_back(self, topic: str, error: BaseException) -> None:
        before = self._hold.get(topic)
        seconds = min(2 * before.seconds, LONGEST_HOLD) if before else HOLD
        self._hold[topic] = Hold(monotonic() + seconds, seconds)
        extra = {"action": "topic_held", "topic": topic, "error": type(error).__name__}
        _log.error("topic held back", extra=extra)

    def _judge(self, outcome: Outcome, row: db.Row, error: BaseException) -> None:
        """Set aside what can never be sent, hold back a topic at fault; raise anything else."""
        topic, name = row["aggregatetype"], type(error).__name__
        if isinstance(error, (MessageSizeTooLargeError, *UNSENDABLE)):
            outcome.refused[row["position"]] = name
            extra = {"action": "outbox_refused", "topic": topic, "error": name}
            _log.error("message refused", extra=extra)
        elif isinstance(error, TOPIC_FAULTS):
            self._hold_back(topic, error)
        else:
            raise error

    async def _send(self, producer: AIOKafkaProducer, row: db.Row) -> asyncio.Future[object]:
        sent = await producer.send(
            row["aggregatetype"],
            value=row["payload"],
            # The client takes no message without both, as the dead letter of an empty record is.
            key=b"" if row["payload"] is None and row["record_key"] is None else row["record_key"],
            headers=list(zip(row["header_names"], row["header_values"], strict=True)),
            timestamp_ms=int(row["created_at"].timestamp() * 1000),
        )
        return cast("asyncio.Future[object]", sent)

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(1.0):
                await producer.stop()
        except TimeoutError:
            _log.warning("producer did not stop in time", extra={"action": "producer_abandoned"})
            await self._silence(producer)

    async def _silence(self, producer: AIOKafkaProducer) -> None:
        """End a producer that waits for Kafka: what it holds would come a second time later on."""
        try:
            async with asyncio.timeout(1.0):
                # Its own stop waits until everything is sent, and offers no other way.
                await producer._sender.close()
                await producer.client.close()
        except TimeoutError:
            _log.warning("producer goes on", extra={"action": "producer_not_silenced"})
