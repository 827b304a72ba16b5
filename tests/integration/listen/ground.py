"""`listen` as tests run it: a catalog with sources of the test's own, a process, its topics."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.consume import raw
from shared.records import Record
from tests.support.catalogs import SOURCES, catalog_files, write_catalog
from tests.support.processes import free_port
from tests.support.wait import eventually

DEADLINE = 60.0
TOKEN = "t" * 32


def sources(topic: str, webhook: str = "", name: str = "shop") -> str:
    """The example source on a topic of the test's own, with more lines of its own."""
    text = SOURCES.replace("shop.events", topic).replace("source: shop", f"source: {name}")
    return text.replace("  format: json\n", f"  format: json\n{webhook}")


def catalog(folder: Path, *texts: str) -> Path:
    """A valid catalog with these sources."""
    return write_catalog(folder, catalog_files({"sources.yaml": "".join(texts)}))


def environment_of(
    base: Mapping[str, str], kafka: str, database: str, folder: Path, secrets: Mapping[str, str]
) -> dict[str, str]:
    """What a process of `listen` is started with."""
    return {
        **base,
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TOUCHBACK_KAFKA_PARTITIONS": "3",
        "TOUCHBACK_POSTGRES_DSN": database,
        "TOUCHBACK_CATALOG": str(folder),
        "TOUCHBACK_PII_KEYS": "k" * 32,
        "TOUCHBACK_HTTP_PORT": str(free_port()),
        "TOUCHBACK_SOURCE_SECRETS": json.dumps(dict(secrets)),
        "TOUCHBACK_API_TOKENS": json.dumps({TOKEN: ["sources:read", "sources:act"]}),
    }


def delivered(number: int, customer: str = "c-1") -> dict[str, object]:
    """An event that the example source maps."""
    at = "2026-03-02T08:00:00Z"
    about = {"kind": "delivered", "id": f"e-{number}", "customer": customer, "at": at}
    return {**about, "order": f"o-{number}", "late": True}


async def command(environment: Mapping[str, str], *words: str) -> tuple[int, str, str]:
    """Exit code, what it printed, and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.listen", *words, env=environment, stdout=PIPE, stderr=PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
    return process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def running(environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """A process that answers; it may be killed inside."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.listen", "run", env=environment
    )
    try:
        await eventually(lambda: _alive(environment), within=DEADLINE, every=0.2)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 15)


def url(environment: Mapping[str, str], path: str) -> str:
    """Where the process answers."""
    return f"http://127.0.0.1:{environment['TOUCHBACK_HTTP_PORT']}{path}"


async def _alive(environment: Mapping[str, str]) -> bool:
    try:
        async with (
            aiohttp.ClientSession() as client,
            client.get(url(environment, "/health/live")) as response,
        ):
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def scrape(environment: Mapping[str, str]) -> str:
    """All metrics as text."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(url(environment, "/metrics")) as response,
    ):
        return await response.text()


async def standing(bootstrap: str, topic: str) -> list[Record]:
    """Everything that stands on a topic now."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap.split(","), group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[Record] = []
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while [each for each, end in ends.items() if await consumer.position(each) < end]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += map(raw, records)
    finally:
        await consumer.stop()
    return found


async def publish(bootstrap: str, topic: str, bodies: Sequence[object]) -> None:
    """Put events onto a topic, all in one partition and in order."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap.split(","))
    await producer.start()
    try:
        for body in bodies:
            value = body if isinstance(body, bytes) else json.dumps(body).encode()
            await producer.send(topic, value=value, key=b"k")
        await producer.flush()
    finally:
        await producer.stop()
