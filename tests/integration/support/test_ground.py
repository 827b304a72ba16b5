"""The test ground itself, on the real Kafka and the real PostgreSQL of this run."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError

from tests.support.databases import Databases
from tests.support.kafka_broker import KafkaBroker
from tests.support.kafka_choice import KafkaSource
from tests.support.postgres import PostgresServer
from tests.support.topics import create_topic, create_topics


async def produce(bootstrap: str, topic: str, *values: bytes, idempotent: bool) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=idempotent, acks="all"
    )
    try:
        await producer.start()
        for value in values:
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    values: list[bytes] = []
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=f"{topic}.readers",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with asyncio.timeout(20), consumer:
        while len(values) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in records]
        await consumer.commit()
    return values


async def test_a_producer_reaches_a_consumer_group(kafka: str, kafka_idempotence: bool) -> None:
    topic = await create_topic(kafka, partitions=1)

    await produce(kafka, topic, b"1", b"2", idempotent=kafka_idempotence)

    assert await consume(kafka, topic, 2) == [b"1", b"2"]


async def test_making_a_topic_twice_is_an_error(kafka: str) -> None:
    topic = await create_topic(kafka)

    with pytest.raises(TopicAlreadyExistsError):
        await create_topics(kafka, topic)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_broker_comes_back_at_its_address_with_its_records(
    own_kafka: KafkaBroker, end: str
) -> None:
    if end == "kill" and own_kafka.source is KafkaSource.EMBEDDED:
        pytest.skip("the embedded broker promises its records across an orderly stop alone")
    await asyncio.to_thread(own_kafka.start)
    topic = await create_topic(own_kafka.bootstrap, partitions=1)
    await produce(own_kafka.bootstrap, topic, b"kept", idempotent=own_kafka.idempotence)

    await asyncio.to_thread(getattr(own_kafka, end))
    with pytest.raises(KafkaConnectionError):
        await produce(own_kafka.bootstrap, topic, b"refused", idempotent=False)
    await asyncio.to_thread(own_kafka.start)

    assert await consume(own_kafka.bootstrap, topic, 1) == [b"kept"]


async def test_every_test_has_a_database_of_its_own(databases: Databases) -> None:
    async with databases.one() as first, databases.one() as second:
        connection = await asyncpg.connect(first)
        await connection.execute("CREATE TABLE mine (id int)")
        await connection.close()
        other = await asyncpg.connect(second)
        found = await other.fetchval("SELECT to_regclass('mine')")
        await other.close()

    assert found is None


async def test_a_database_is_dropped_under_an_open_connection(databases: Databases) -> None:
    async with databases.one() as dsn:
        forgotten = await asyncpg.connect(dsn)

    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(dsn)
    forgotten.terminate()


async def test_a_template_is_prepared_once_and_copied_whole(databases: Databases) -> None:
    prepared: list[str] = []

    async def migrate(dsn: str) -> None:
        prepared.append(dsn)
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE kept (id int)")
        await connection.close()

    for _ in range(2):
        async with databases.one(await databases.template("ground", migrate)) as dsn:
            connection = await asyncpg.connect(dsn)
            assert await connection.fetchval("SELECT to_regclass('kept')") == "kept"
            await connection.close()

    assert len(prepared) == 1


async def test_a_killed_postgres_keeps_what_it_confirmed(own_postgres: PostgresServer) -> None:
    await asyncio.to_thread(own_postgres.start)
    connection = await asyncpg.connect(own_postgres.dsn)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
    own_postgres.kill()
    with pytest.raises(OSError, match="refused|failed"):
        await asyncpg.connect(own_postgres.dsn)

    await asyncio.to_thread(own_postgres.start)
    connection = await asyncpg.connect(own_postgres.dsn)
    assert await connection.fetchval("SELECT id FROM kept") == 1
    await connection.close()
