"""Events a second through `listen`, beside a plain loop that only decodes JSON."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from prometheus_client import CollectorRegistry

from services.listen.app import MIGRATIONS
from services.listen.handlers import Listener
from services.listen.policy import dialects
from shared import migrate, process
from shared.catalog import load
from shared.clock import SystemClock, monotonic
from shared.consume import BATCH, Consumer, raw
from shared.db import Database
from shared.metrics import Kernel
from shared.pii import Pii
from shared.pulse import Pulse
from tests.support.stack import PROJECT, Ground, own_broker

CATALOG = PROJECT / "deploy" / "catalog"
EVENTS = 50_000
EVERY = 5
"""One event in five is about something that a touchpoint waits for."""

TOPIC = "billing.events"
KEY = "k" * 32


async def measure(ground: Ground, folder: Path) -> None:
    """Prints both rates, taken over the same records in one run."""
    process.settle_memory()  # as every service does; the plain loop has it too
    with own_broker(ground, folder / "kafka") as broker:
        await _publish(broker.bootstrap)
        plain, plain_cpu = await _timed(broker.bootstrap, _decoded)
        async with ground.databases.one() as dsn:
            await migrate.apply(dsn, "listen", MIGRATIONS)
            database = Database(dsn, "listen")
            await database.open()
            try:
                mapped, mapped_cpu = await _timed(broker.bootstrap, _listening(database))
                async with database.connection() as connection:
                    signals = await connection.fetchval("select count(*) from outbox")
            finally:
                await database.close()
    print(f"  {EVENTS} events of about {len(_event(0))} bytes, {100 // EVERY} % relevant, one core")
    print(f"  listen: {mapped:,.0f} events/s ({signals} signals stored); JSON loop: {plain:,.0f}/s")
    print(f"  listen: {mapped_cpu:.0f} µs of CPU an event, without PostgreSQL's and Kafka's own;")
    print(f"  JSON loop: {plain_cpu:.0f} µs; {mapped_cpu / plain_cpu:.1f} times as much")


def _event(number: int) -> bytes:
    about = {
        "id": f"e-{number}", "customer": f"c-{number % 5000}", "at": "2026-03-02T08:00:00Z",
        "type": "invoice.issued" if number % EVERY == 0 else f"meter.read.{number % 7}",
        "invoice": f"i-{number}", "sequence": 1, "amount": "54.20", "product": "electricity",
        "region": "north",
        "lines": [{"text": "Energy " * 5, "kwh": n, "price": 1.5} for n in range(6)],
    }  # fmt: skip
    return json.dumps(about).encode()


async def _publish(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20) as producer:
        for number in range(EVENTS):
            await producer.send(TOPIC, _event(number), key=b"%d" % (number % 5000))


async def _batches(bootstrap: str) -> AsyncIterator[Sequence[Any]]:
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest"
    )
    async with consumer:
        seen = 0
        while seen < EVENTS:
            for records in (await consumer.getmany(timeout_ms=500, max_records=BATCH)).values():
                seen += len(records)
                yield records


async def _timed(
    bootstrap: str, take: Callable[[Sequence[Any]], Awaitable[None]]
) -> tuple[float, float]:
    """Events a second, and microseconds of this process for one."""
    started, worked = time.monotonic(), time.process_time()
    async with aclosing(_batches(bootstrap)) as batches:
        async for records in batches:
            await take(records)
    took = time.monotonic() - started
    return EVENTS / took, (time.process_time() - worked) / EVENTS * 1e6


async def _decoded(records: Sequence[Any]) -> None:
    for record in records:
        json.loads(record.value)


def _listening(database: Database) -> Callable[[Sequence[Any]], Awaitable[None]]:
    taken = dialects(load(CATALOG))
    listener = Listener(lambda: taken, Pii([KEY]), KEY)
    consumer = Consumer(
        service="listen",
        database=database,
        clock=SystemClock(),
        parse=listener.parse,
        handle=listener.handle,
        counters=Kernel(CollectorRegistry(), "tests").counters,
        pulse=Pulse("consumer", monotonic),
    )

    async def take(records: Sequence[Any]) -> None:
        await consumer.take([raw(record) for record in records])

    return take
