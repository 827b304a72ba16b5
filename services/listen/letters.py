"""The dead letters of all services, as they stand on their topic."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared import kafka, topics
from shared.errors import Unavailable
from shared.settings import Settings

LONGEST = 30.0
_PREFIX = "x-error-"
_ABOUT = ("service", "topic", "partition", "offset", "class", "message", "at", "attempts")


@dataclass(frozen=True, slots=True)
class Letter:
    """Why a record was refused, and where it stood. `id` is its place among the dead letters."""

    id: str
    about: dict[str, str]

    @property
    def position(self) -> str:
        """Where the original stood, as logs say it."""
        return "/".join(self.about.get(name, "?") for name in ("topic", "partition", "offset"))


def letter(record: ConsumerRecord[bytes, bytes]) -> Letter:
    """Read the `x-error-…` headers; the original beside them is left alone."""
    texts = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    about = {name: texts.get(_PREFIX + name, "") for name in _ABOUT}
    return Letter(f"{record.partition}/{record.offset}", about)


async def newest(settings: Settings, limit: int) -> list[Letter]:
    """Return the newest letters, oldest first; raises Unavailable when Kafka is away."""
    consumer = AIOKafkaConsumer(
        topics.DEAD_LETTERS,
        **kafka.client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        async with asyncio.timeout(LONGEST):
            await consumer.start()
            found = await _read_to_end(consumer, limit)
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(f"Kafka is away: {error or 'no answer in time'}") from error
    finally:
        await consumer.stop()
    return sorted(found, key=lambda each: each.about["at"])[-limit:]


async def _read_to_end(consumer: AIOKafkaConsumer, limit: int) -> Iterable[Letter]:
    """Read each partition to where it ended at the start; keep no more than may be asked for."""
    ends = await consumer.end_offsets(list(consumer.assignment()))
    kept: dict[TopicPartition, deque[Letter]] = {each: deque(maxlen=limit) for each in ends}
    while [each for each, end in ends.items() if await consumer.position(each) < end]:
        batches = await consumer.getmany(timeout_ms=500, max_records=500)
        for partition, records in batches.items():
            kept[partition].extend(letter(record) for record in records)
    return [each for letters in kept.values() for each in letters]
