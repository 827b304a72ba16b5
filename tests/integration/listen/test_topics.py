"""Which topics are read, and in what order what stands on them goes out, on a real Kafka."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.envelope import decode
from shared.contracts.signals import Signal
from tests.integration.listen import ground
from tests.support.topics import unique_topic
from tests.support.wait import eventually

pytestmark = pytest.mark.timeout(300)
PARTITIONS, EACH, CUSTOMERS = 3, 200, 7


async def made(kafka: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.split(","))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    finally:
        await admin.close()


async def counted(environment: dict[str, str], count: int) -> None:
    async def there() -> bool:
        metric = f'touchback_signals_total{{source="shop"}} {count}.0'
        return metric in await ground.scrape(environment)

    await eventually(there, within=ground.DEADLINE, every=0.3)


async def test_a_topic_that_fits_a_pattern_is_read_as_soon_as_it_appears(
    kafka: str, database: str, tmp_path: Path, service_environment: dict[str, str]
) -> None:
    prefix = unique_topic("region")
    folder = ground.catalog(tmp_path / "catalog", ground.sources(rf"^{re.escape(prefix)}\..+"))
    environment = ground.environment_of(service_environment, kafka, database, folder, {})
    assert (await ground.command(environment, "migrate"))[0] == 0
    await made(kafka, f"{prefix}.north")
    async with ground.running(environment):
        await ground.publish(kafka, f"{prefix}.north", [ground.delivered(1)])
        await counted(environment, 1)
        await made(kafka, f"{prefix}.south")
        await ground.publish(kafka, f"{prefix}.south", [ground.delivered(2), ground.delivered(3)])
        await counted(environment, 3)


async def test_signals_are_keyed_by_customer_and_keep_the_order_of_each_source_partition(
    kafka: str, database: str, tmp_path: Path, service_environment: dict[str, str]
) -> None:
    topic = unique_topic("shop")
    folder = ground.catalog(tmp_path / "catalog", ground.sources(topic))
    environment = ground.environment_of(service_environment, kafka, database, folder, {})
    assert (await ground.command(environment, "migrate"))[0] == 0
    await made(kafka, topic)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.split(","))
    await producer.start()
    for number in range(EACH):
        for partition in range(PARTITIONS):
            # Keyed by the store, as shops do: a customer buys in several of them.
            who = f"{topic}-{number % CUSTOMERS}"
            body = {**ground.delivered(number, who), "id": f"{partition}/{number}"}
            value = json.dumps(body).encode()
            await producer.send(topic, value, key=b"store", partition=partition)
    await producer.stop()
    async with ground.running(environment):
        await counted(environment, EACH * PARTITIONS)

        async def all_out() -> bool:
            return sum(map(len, (await said(kafka, topic)).values())) == EACH * PARTITIONS

        await eventually(all_out, within=ground.DEADLINE, every=0.5)
    for numbers in (await said(kafka, topic)).values():
        assert numbers == sorted(numbers)


async def said(kafka: str, topic: str) -> dict[tuple[str, str], list[int]]:
    """The numbers of our signals as they stand, by customer and partition they came from."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    places: dict[str, set[int]] = defaultdict(set)
    for record in await ground.standing(kafka, "touchback.signals"):
        event = decode(record.text_headers, record.value)
        if event is None or not event.subject.startswith(topic):
            continue
        assert isinstance(event.body, Signal)
        assert record.key == event.body.customer_id.encode()
        partition, _, number = event.body.source_event_id.partition("/")
        found[event.body.customer_id, partition].append(int(number))
        places[event.body.customer_id].add(record.partition)
    assert all(len(each) == 1 for each in places.values())
    return found
