"""`touchback listen tail` on a real Kafka: everything live, and nothing taken from anyone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.integration.listen import ground
from tests.support.topics import create_topics, unique_topic


@pytest.mark.timeout(300)
async def test_it_shows_what_is_mapped_skipped_and_refused(
    kafka: str, database: str, tmp_path: Path, service_environment: dict[str, str]
) -> None:
    topic = unique_topic("shop")
    folder = ground.catalog(tmp_path / "catalog", ground.sources(topic))
    environment = ground.environment_of(service_environment, kafka, database, folder, {})
    await create_topics(kafka, topic)
    await ground.publish(kafka, topic, [ground.delivered(1), {"kind": "packed"}, b"oops"])
    before = await groups(kafka)
    code, out, err = await ground.command(
        environment, "tail", "--from-start", "--limit", "3", "--json"
    )
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert [each["outcome"] for each in lines] == ["signal", "skipped", "refused"]
    assert lines[2]["reason"].startswith("source shop: ")
    assert await groups(kafka) == before


async def groups(kafka: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.split(","))
    await admin.start()
    try:
        return {str(each[0]) for each in await admin.list_consumer_groups()}
    finally:
        await admin.close()
