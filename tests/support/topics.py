"""Topics of the tests: made on purpose, under names that nobody used before."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code


def unique_topic(prefix: str = "test") -> str:
    """A name of its own, so that tests on one broker do not read each other's records."""
    return f"{prefix}.{uuid.uuid4().hex[:12]}"


async def create_topics(
    bootstrap: str,
    *names: str,
    partitions: int = 3,
    configs: Mapping[str, str] | None = None,
) -> None:
    """Makes them all; one that exists already is an error."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    await admin.start()
    try:
        wanted = [
            NewTopic(name, partitions, 1, topic_configs=dict(configs or {})) for name in names
        ]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    for name, code, *_ in answer.topic_errors:
        if code:
            raise for_code(code)(name)


async def create_topic(bootstrap: str, prefix: str = "test", *, partitions: int = 3) -> str:
    """A new topic under a name of its own."""
    name = unique_topic(prefix)
    await create_topics(bootstrap, name, partitions=partitions)
    return name
