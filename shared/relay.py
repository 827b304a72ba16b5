"""Brings the outbox to Kafka: in order per key, woken by NOTIFY, many relays side by side."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import db, kernel
from shared.pulse import Pulse
from shared.wake import Wake, wait

_log = logging.getLogger(__name__)
BATCH = 500
POLL = 1.0
SEND_TIMEOUT = 10.0
ProducerFactory = Callable[[], Awaitable[AIOKafkaProducer]]


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
        """Publish one batch and return how many messages it held."""
        async with self._database.transaction() as connection:
            slots = [row["slot"] for row in await connection.fetch(kernel.QUERIES["outbox_claim"])]
            if not slots:
                return 0
            rows = await connection.fetch(kernel.QUERIES["outbox_pending"], slots, BATCH)
            await self._publish(rows)
            await connection.execute(
                kernel.QUERIES["outbox_sent"], [row["position"] for row in rows]
            )
            return len(rows)

    async def _publish(self, rows: Sequence[db.Row]) -> None:
        # Without this bound a publish waits for ever while Kafka is down, holding the row locks.
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                if self._producer is None:
                    self._producer = await self._make_producer()
                acks = [await self._send(self._producer, row) for row in rows]
                await asyncio.gather(*acks)
        except BaseException:
            # Batches of a producer that failed half-way may still arrive: never reuse it.
            await self._drop_producer()
            raise

    async def _send(self, producer: AIOKafkaProducer, row: db.Row) -> asyncio.Future[object]:
        sent = await producer.send(
            row["aggregatetype"],
            value=row["payload"],
            key=row["record_key"],
            headers=list(zip(row["header_names"], row["header_values"], strict=True)),
            timestamp_ms=int(row["created_at"].timestamp() * 1000),
        )
        return cast("asyncio.Future[object]", sent)

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(2.0):
                await producer.stop()
        except TimeoutError:
            _log.warning("producer did not stop in time", extra={"action": "producer_abandoned"})
