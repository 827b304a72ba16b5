"""A topic of ours as input: from its beginning, a time or an offset to where it ends now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from services.ask.backtest.inputs import STEP, TOPIC, Input
from services.ask.backtest.said import from_event, line_of, look_of
from shared import kafka
from shared.consume import raw
from shared.contracts.envelope import decode
from shared.errors import InvalidSettings, Unavailable
from shared.records import Record
from shared.settings import Settings

Offsets = Mapping[TopicPartition, int]


class KafkaSettings(Settings):
    """Reading topics needs Kafka alone; what else stands in the environment is for the services."""

    postgres_dsn: str = ""
    catalog: Path = Path()


@dataclass(frozen=True, slots=True)
class Start:
    """Which topic, and from where on: a time, an offset in each partition, or its beginning."""

    topic: str
    at: datetime | None = None
    offset: int = 0


def start_of(name: str) -> Start:
    """Read `topic:NAME`, `topic:NAME@TIME` or `topic:NAME@OFFSET`."""
    topic, _, where = name.removeprefix(TOPIC).partition("@")
    if where.isascii() and where.isdigit():
        return Start(topic, offset=int(where))
    try:
        at = datetime.fromisoformat(where) if where else None
        known = bool(topic) and (at is None or at.tzinfo is not None)
    except ValueError:
        known, at = False, None
    if not known:
        raise InvalidSettings(
            f"--events {name}: should be topic:touchback.signals, or from a time or an offset on:"
            " topic:touchback.signals@2026-10-01T00:00Z, topic:touchback.signals@1200"
        )
    return Start(topic, at)


async def read_topic(name: str, settings: Settings, into: Input) -> None:
    """Read what stands in a topic when this begins, in no consumer group."""
    async for record in _standing(start_of(name), settings, into):
        into.lines += 1
        if not into.lines % STEP:
            into.advance(STEP)
        try:
            event = decode(record.text_headers, record.value) if record.value is not None else None
        except ValueError as error:
            into.refuse(record.position, error)
            continue
        said = from_event(event, into.wanted) if event else None
        if event and record.value and said is not None:
            into.keep(look_of(said), line_of(event, record.value))


async def _standing(start: Start, settings: Settings, into: Input) -> AsyncIterator[Record]:
    consumer = AIOKafkaConsumer(
        **kafka.client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        partitions = await _partitions(start.topic, settings)
        ends = dict(sorted((await consumer.end_offsets(partitions)).items()))
        begins = await _begins(consumer, start, ends)
        into.say(_where(start.topic, begins, ends))
        # One after the other, so that what happened at once comes in the same order every time.
        for each, end in ends.items():
            consumer.assign([each])
            consumer.seek(each, begins[each])
            async for record in _until(consumer, each, end):
                yield record
    except KafkaError as error:
        raise Unavailable(f"Kafka is away: {error}") from error
    finally:
        await consumer.stop()


async def _partitions(topic: str, settings: Settings) -> list[TopicPartition]:
    # A consumer that asked for a topic by its name would have made it.
    admin = AIOKafkaAdminClient(**kafka.client_options(settings))
    try:
        await admin.start()
        known = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    finally:
        await admin.close()
    if topic not in known:
        raise InvalidSettings(f"Kafka has no topic {topic}; should be like touchback.signals")
    return sorted(TopicPartition(topic, each["partition"]) for each in known[topic])


async def _begins(consumer: AIOKafkaConsumer, start: Start, ends: Offsets) -> Offsets:
    """Return the first offset to read of each partition; its end where there is nothing."""
    kept = await consumer.beginning_offsets(list(ends))
    if start.at is None:
        return {each: min(max(kept[each], start.offset), end) for each, end in ends.items()}
    moment = int(start.at.timestamp() * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(ends, moment))
    return {each: found[each].offset if found[each] else end for each, end in ends.items()}


def _where(topic: str, begins: Offsets, ends: Offsets) -> str:
    read = ", ".join(f"{each.partition}: {begins[each]:,} to {ends[each]:,}" for each in ends)
    return f"{topic}, offsets by partition ({read})"


async def _until(
    consumer: AIOKafkaConsumer, partition: TopicPartition, end: int
) -> AsyncIterator[Record]:
    """Yield what stands before the end; the position says when it is reached, for compaction and
    aborted transactions leave gaps."""
    while await consumer.position(partition) < end:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                if record.offset < end:
                    yield raw(record)
