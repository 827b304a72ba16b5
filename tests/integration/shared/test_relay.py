"""The outbox reaches Kafka whole, in order per key, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError

from shared import db, outbox, relay
from shared.clock import monotonic
from shared.outbox import Outgoing
from shared.pulse import Pulse
from shared.relay import Relay
from shared.wake import Wake
from tests.support.clock import START
from tests.support.kafka_broker import KafkaBroker
from tests.support.topics import create_topics, unique_topic
from tests.support.wait import eventually

HEADERS = (("a", b"\xff"), ("b", None), ('q"\\,{}', b""), ("NULL", b"NULL"))
Factory = Callable[[], Awaitable[AIOKafkaProducer]]


def factory(bootstrap: str) -> Factory:
    async def made() -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            max_request_size=4_000_000,
            request_timeout_ms=5_000,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    return made


def outgoing(topic: str, key: str | None, payload: str) -> Outgoing:
    raw = None if key is None else key.encode()
    return Outgoing(str(uuid4()), topic, raw, "t", payload.encode(), HEADERS)


async def write(database: db.Database, *messages: Outgoing) -> None:
    async with database.transaction() as connection:
        await outbox.add(connection, messages, START)


def a_relay(database: db.Database, made: Factory) -> Relay:
    return Relay(database, Wake(database), made, Pulse("relay", lambda: 0))


async def read(bootstrap: str, topic: str, count: int) -> list[ConsumerRecord[bytes, bytes]]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


@asynccontextmanager
async def topic_of(bootstrap: str) -> AsyncIterator[str]:
    name = unique_topic()
    await create_topics(bootstrap, name)
    yield name


async def test_a_message_arrives_with_key_headers_and_time(
    kernel_db: db.Database, kafka: str
) -> None:
    async with topic_of(kafka) as topic:
        await write(kernel_db, outgoing(topic, "c-1", "hello"), outgoing(topic, None, "no key"))
        relaying = a_relay(kernel_db, factory(kafka))
        assert await relaying.step() == 2
        assert await relaying.step() == 0
        await relaying.flush(5)
        found = {record.value: record for record in await read(kafka, topic, 2)}
    hello = found[b"hello"]
    assert (hello.key, hello.headers) == (b"c-1", HEADERS)
    assert hello.timestamp == int(START.timestamp() * 1000)
    assert found[b"no key"].key is None


async def test_side_by_side_relays_keep_the_order_of_each_key(
    kernel_db: db.Database, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 50)
    async with topic_of(kafka) as topic:
        keys = [f"c-{n}" for n in range(20)]
        await write(kernel_db, *(outgoing(topic, key, str(n)) for n in range(100) for key in keys))
        relays = [a_relay(kernel_db, factory(kafka)) for _ in range(3)]
        while sum(await asyncio.gather(*(each.step() for each in relays))):
            pass
        for each in relays:
            await each.flush(5)
        arrived: dict[bytes | None, list[int]] = {}
        for record in await read(kafka, topic, 2000):
            arrived.setdefault(record.key, []).append(int(record.value or b""))
    assert arrived == {key.encode(): list(range(100)) for key in keys}


async def test_a_commit_wakes_the_relay_without_waiting_for_its_poll(
    kernel_db: db.Database, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "POLL", 60.0)
    wake = Wake(kernel_db)
    relaying = Relay(kernel_db, wake, factory(kafka), Pulse("relay", lambda: 0))
    async with topic_of(kafka) as topic:
        tasks = [asyncio.create_task(wake.run()), asyncio.create_task(relaying.run())]
        try:
            # The first notification may come before anybody listens: the second cannot.
            for payload in ("first", "second"):
                await write(kernel_db, outgoing(topic, "c-1", payload))
                await eventually(lambda: is_empty(kernel_db), within=10)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [record.value for record in await read(kafka, topic, 2)] == [b"first", b"second"]


async def is_empty(database: db.Database) -> bool:
    async with database.connection() as connection:
        return not await connection.fetchval("select count(*) from outbox")


async def test_a_message_that_is_too_large_is_set_aside_and_stops_no_other(
    kernel_db: db.Database, kafka: str
) -> None:
    async with topic_of(kafka) as topic:
        large = "x" * 1_100_000
        await write(
            kernel_db,
            outgoing(topic, "c-1", "before"),
            outgoing(topic, "c-1", large),
            outgoing(topic, "c-1", "after"),
        )
        relaying = a_relay(kernel_db, factory(kafka))
        while await relaying.step():
            pass
        await relaying.flush(5)
        found = [record.value for record in await read(kafka, topic, 2)]
    assert found == [b"before", b"after"]
    async with kernel_db.connection() as connection:
        left = await connection.fetch("select length(payload), refused from outbox")
    assert [tuple(row) for row in left] == [(len(large), "MessageSizeTooLargeError")]


async def test_a_topic_that_is_gone_holds_up_no_other(
    kernel_db: db.Database, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with topic_of(kafka) as topic:
        gone = unique_topic("gone")
        await write(kernel_db, outgoing(gone, "c-1", "waits"), outgoing(topic, "c-1", "goes"))
        relaying = a_relay(kernel_db, factory(kafka))
        assert await relaying.step() == 1
        assert await relaying.step() == 0
        assert [record.value for record in await read(kafka, topic, 1)] == [b"goes"]
        await create_topics(kafka, gone)
        monkeypatch.setattr(relay, "monotonic", lambda: monotonic() + relay.HOLD)
        await eventually(relaying.step, within=15)
        await relaying.flush(5)
        assert [record.value for record in await read(kafka, gone, 1)] == [b"waits"]


async def test_topics_that_are_gone_cost_the_others_no_time_and_are_looked_for_ever_less_often(
    kernel_db: db.Database, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A send would look for each in turn until its time-out, longer together than any batch may."""
    now = [0.0]
    monkeypatch.setattr(relay, "monotonic", lambda: now[0])
    # One look for a topic alone takes longer.
    monkeypatch.setattr(relay, "SEND_TIMEOUT", 4.0)
    async with topic_of(kafka) as topic:
        gone = [outgoing(unique_topic("gone"), "c-1", "waits") for _ in range(4)]
        await write(kernel_db, *gone, outgoing(topic, "c-1", "goes"))
        relaying = a_relay(kernel_db, factory(kafka))
        assert await relaying.step() == 1
        looked = []
        for now[0] in range(1, 20):  # noqa: B020  (the clock is moved)
            before = dict(relaying._hold)  # noqa: SLF001  (when it looks again is the point)
            assert await relaying.step() == 0
            looked += [now[0]] if relaying._hold != before else []  # noqa: SLF001  (as above)
        await relaying.flush(5)
    assert looked == [1, 3, 7, 15]


async def test_a_record_without_key_and_value_stops_no_other(
    kernel_db: db.Database, kafka: str
) -> None:
    async with topic_of(kafka) as topic:
        empty = Outgoing(str(uuid4()), topic, None, "dead-letter", None, HEADERS)
        await write(kernel_db, empty, outgoing(topic, "c-1", "an alert"))
        relaying = a_relay(kernel_db, factory(kafka))
        assert await relaying.step() == 2
        await relaying.flush(5)
        found = [(record.key, record.value) for record in await read(kafka, topic, 2)]
    assert sorted(found, key=repr) == [(b"", None), (b"c-1", b"an alert")]


async def test_what_the_client_refuses_to_take_is_set_aside_and_stops_no_other(
    kernel_db: db.Database, kafka: str
) -> None:
    async def picky() -> AIOKafkaProducer:
        producer = await factory(kafka)()
        send = producer.send

        async def chosen(topic: str, *, value: bytes, **more: object) -> object:
            if value == b"odd":
                raise ValueError("not with me")
            return await send(topic, value=value, **more)

        producer.send = chosen
        return producer

    async with topic_of(kafka) as topic:
        await write(kernel_db, outgoing(topic, "c-1", "odd"), outgoing(topic, "c-1", "even"))
        relaying = a_relay(kernel_db, picky)
        assert await relaying.step() == 2
        await relaying.flush(5)
        assert [record.value for record in await read(kafka, topic, 1)] == [b"even"]
    async with kernel_db.connection() as connection:
        assert await connection.fetchval("select refused from outbox") == "ValueError"


async def test_a_batch_is_bounded_by_its_bytes(
    kernel_db: db.Database, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH_BYTES", 25)
    async with topic_of(kafka) as topic:
        await write(kernel_db, *(outgoing(topic, "c-1", "0123456789") for _ in range(5)))
        relaying = a_relay(kernel_db, factory(kafka))
        assert [await relaying.step() for _ in range(3)] == [3, 2, 0]
        await relaying.flush(5)


async def test_while_kafka_is_away_messages_wait_and_then_arrive(
    kernel_db: db.Database, own_kafka: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "SEND_TIMEOUT", 1.0)
    relaying = a_relay(kernel_db, factory(own_kafka.bootstrap))
    topic = unique_topic()
    await write(kernel_db, outgoing(topic, "c-1", "patient"))
    with pytest.raises((TimeoutError, KafkaError)):
        await relaying.step()
    assert not await is_empty(kernel_db)
    monkeypatch.setattr(relay, "SEND_TIMEOUT", 10.0)
    own_kafka.start()
    await create_topics(own_kafka.bootstrap, topic)
    assert await relaying.step() == 1
    await relaying.flush(5)
    assert [record.value for record in await read(own_kafka.bootstrap, topic, 1)] == [b"patient"]
