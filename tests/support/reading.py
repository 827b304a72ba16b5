"""What stands on the topics of a running stack, and whether everything has come to rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared import topics
from shared.catalog.loader import load
from shared.consume import raw
from shared.contracts.envelope import Event, decode
from shared.records import Record
from tests.support.stack import SERVICES, Stack
from tests.support.wait import eventually

Partition = tuple[str, int]


@asynccontextmanager
async def _consumer(bootstrap: str, *names: str) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(
        *names, bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def records(stack: Stack, topic: str) -> list[Record]:
    """Everything that stands on a topic now."""
    found: list[Record] = []
    async with _consumer(stack.bootstrap, topic) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while [each for each, end in ends.items() if await consumer.position(each) < end]:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [raw(record) for record in batch]
    return found


async def events(stack: Stack, topic: str) -> list[Event]:
    """Every message on a topic of ours, each once: what a crash repeated has the same id."""
    read = (decode(each.text_headers, each.value) for each in await records(stack, topic))
    return list({event.id: event for event in read if event is not None}.values())


async def _written(stack: Stack, names: Iterable[str]) -> dict[Partition, int]:
    """How many records stand in each partition."""
    async with _consumer(stack.bootstrap, *names) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
    return {(each.topic, each.partition): int(end) for each, end in ends.items()}


async def _unread(stack: Stack, written: Mapping[Partition, int]) -> list[str]:
    """What some service has not confirmed yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    found = []
    try:
        for name, reads in _reading(stack).items():
            wanted = [TopicPartition(*each) for each in written if each[0] in reads]
            confirmed = await admin.list_consumer_group_offsets(topics.group(name), None, wanted)
            for each, known in confirmed.items():
                end = written[each.topic, each.partition]
                if known.offset < end and end > 0:
                    found.append(
                        f"{name} is at {known.offset} of {end} in {each.topic}/{each.partition}"
                    )
    finally:
        await admin.close()
    return found


async def _unsaid(stack: Stack) -> list[str]:
    """Messages that wait in an outbox, and alerts that wait to be delivered."""
    waiting = []
    for name in SERVICES:
        if count := await stack.count(name, "outbox"):
            waiting.append(f"{name}: {count} messages in the outbox")
    waits = "attempts = 0 and next_at > now()"
    alerts = await stack.count("route", f"deliveries where state = 'due' and not ({waits})")
    return [*waiting, *([f"route: {alerts} alerts are due"] if alerts else [])]


async def at_rest(stack: Stack) -> bool:
    """Whether all services have done all there is to do, except what waits for its time.

    What is written twice with nothing new in between, read by all and with nothing to be said
    in the meantime, cannot change any more by itself.
    """
    every = sorted({topic for reads in _reading(stack).values() for topic in reads})
    before = await _written(stack, every)
    left = await _unread(stack, before) or await _unsaid(stack)
    assert not left, "; ".join(left)
    return await _written(stack, every) == before


async def rest(stack: Stack, within: float) -> None:
    """Wait until everything that was put onto the topics has come to its end."""
    await eventually(lambda: at_rest(stack), within=within, every=0.3)


def _reading(stack: Stack) -> dict[str, set[str]]:
    return {"listen": set(load(stack.catalog).sources_by_topic), **READ}


READ: dict[str, set[str]] = {
    "ask": {topics.SIGNALS, topics.PROFILES, topics.RESPONSES, topics.CASES},
    "collect": {
        topics.INVITATIONS,
        topics.ANSWERS,
        topics.CASES,
        topics.DECISIONS,
        topics.PROFILES,
    },
    "route": {topics.RESPONSES, topics.CASES, topics.DECISIONS, topics.PROFILES},
    "close": {topics.CASES, topics.ALERTS, topics.RESPONSES, topics.PROFILES},
    "console": {
        topics.CASES,
        topics.ALERTS,
        topics.DECISIONS,
        topics.INVITATIONS,
        topics.RESPONSES,
        topics.PROFILES,
    },
}
"""Which service reads what, besides source topics; a test compares it with their app.py."""
