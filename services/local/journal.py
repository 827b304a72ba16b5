"""What a memory-only broker would forget: records and committed offsets, kept and put back.

`log.jsonl` holds one line per topic (its partitions) and one per record, in the order of each
partition, so that the n-th record of a partition there is the one with offset n. `offsets.json`
holds where every group stood, and may be older than the log: then a few records are delivered
again, which consumers expect of Kafka anyway. It is never believed beyond the end of the log, so
that nothing is skipped.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

KEEP_RECORDS = 100_000
LOOK_SECONDS = 1.0
FETCH_MS = 200
DRAIN_SECONDS = 3.0

Line = dict[str, Any]
Offsets = dict[str, dict[TopicPartition, int]]
Put = Callable[[Iterable[str]], None]


@dataclass(slots=True)
class Kept:
    """What one reading of the files gave."""

    topics: dict[str, int] = field(default_factory=dict)
    """Partitions by topic."""
    records: dict[TopicPartition, deque[Line]] = field(default_factory=dict)
    offsets: Offsets = field(default_factory=dict)


def read(folder: Path, keep: int = KEEP_RECORDS) -> Kept:
    """The newest `keep` records of each partition, offsets counted anew from the first of them."""
    kept = Kept()
    seen: Counter[TopicPartition] = Counter()
    for line in _lines(folder / "log.jsonl"):
        if "partitions" in line:
            kept.topics[line["topic"]] = line["partitions"]
            continue
        where = TopicPartition(line["topic"], line["partition"])
        kept.records.setdefault(where, deque(maxlen=keep)).append(line)
        seen[where] += 1
    for group, offsets in _stored_offsets(folder / "offsets.json").items():
        kept.offsets[group] = {
            where: _moved(offset, seen[where], len(kept.records.get(where, ())))
            for where, offset in offsets.items()
        }
    return kept


def write(folder: Path, kept: Kept) -> None:
    """Replace both files; offsets first: a kill in between makes records repeat, not vanish."""
    write_offsets(folder, kept.offsets)
    fresh = folder / "log.jsonl.new"
    with fresh.open("w", encoding="utf-8") as log:
        for topic, partitions in kept.topics.items():
            log.write(_encoded({"topic": topic, "partitions": partitions}))
        for records in kept.records.values():
            log.writelines(map(_encoded, records))
    fresh.replace(folder / "log.jsonl")


def write_offsets(folder: Path, offsets: Offsets) -> None:
    """Where every group stands."""
    rows = [
        [group, where.topic, where.partition, offset]
        for group, positions in sorted(offsets.items())
        for where, offset in sorted(positions.items())
    ]
    fresh = folder / "offsets.json.new"
    fresh.write_text(json.dumps(rows), encoding="utf-8")
    fresh.replace(folder / "offsets.json")


async def restore(bootstrap: str, kept: Kept) -> None:
    """Make an empty broker what it was: topics, records with key, headers and time, offsets."""
    async with AsyncExitStack() as stack:
        admin = AIOKafkaAdminClient(bootstrap_servers=[bootstrap])
        stack.push_async_callback(admin.close)
        await admin.start()
        if kept.topics:
            await admin.create_topics([NewTopic(t, n, 1) for t, n in kept.topics.items()])
        producer = AIOKafkaProducer(bootstrap_servers=[bootstrap], acks="all", linger_ms=5)
        stack.push_async_callback(producer.stop)
        await producer.start()
        for where, records in kept.records.items():
            for line in records:
                await producer.send(where.topic, partition=where.partition, **_sendable(line))
        await producer.flush()
    for group, offsets in kept.offsets.items():
        await _commit(bootstrap, group, offsets)


class Journal:
    """Follows every topic of a broker and writes down what arrives, until it is stopped."""

    def __init__(self, bootstrap: str, folder: Path, kept: Kept) -> None:
        self._folder = folder
        self._topics = dict(kept.topics)
        self._positions = {where: len(records) for where, records in kept.records.items()}
        self._offsets = kept.offsets
        self._admin = AIOKafkaAdminClient(bootstrap_servers=[bootstrap])
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=[bootstrap], enable_auto_commit=False, fetch_max_wait_ms=FETCH_MS
        )
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    async def start(self) -> Self:
        """Write down from now on what is not in the files yet."""
        await self._admin.start()
        await self._consumer.start()
        await self._assign(self._topics)
        self._task = asyncio.create_task(self._follow(), name="journal")
        return self

    async def stop(self) -> None:
        """Write down what has arrived so far, then let go; a broker already dead is no error."""
        self._ending = True
        try:
            if self._task is not None:
                await self._task
        finally:
            # With the broker gone, aiokafka's own stop ends in the cancellation of its fetch.
            await asyncio.gather(self._consumer.stop(), return_exceptions=True)
            await self._admin.close()

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        look_at = 0.0
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as log:
            while not self._ending:
                if loop.time() >= look_at:
                    await self._look(log.writelines)
                    look_at = loop.time() + LOOK_SECONDS
                await self._take(log.writelines)
                log.flush()
            await self._look(log.writelines)
            deadline = loop.time() + DRAIN_SECONDS
            while await self._take(log.writelines) and loop.time() < deadline:
                log.flush()

    async def _look(self, put: Put) -> None:
        """New topics, and where the groups stand; a broker that is away is asked again."""
        try:
            await self._find_topics(put)
            await self._note_offsets()
        except KafkaError:
            return

    async def _find_topics(self, put: Put) -> None:
        described = await self._admin.describe_topics()
        found = {
            topic["topic"]: len(topic["partitions"])
            for topic in described
            if not topic["topic"].startswith("__")
        }
        fresh = {topic: n for topic, n in found.items() if self._topics.get(topic) != n}
        if fresh:
            put(_encoded({"topic": topic, "partitions": n}) for topic, n in fresh.items())
            self._topics |= fresh
            await self._assign(self._topics)

    async def _assign(self, topics: dict[str, int]) -> None:
        wanted = [TopicPartition(topic, n) for topic, count in topics.items() for n in range(count)]
        self._consumer.assign(wanted)
        for where in wanted:
            self._consumer.seek(where, self._positions.setdefault(where, 0))

    async def _note_offsets(self) -> None:
        offsets: Offsets = {}
        for group, *_ in await self._admin.list_consumer_groups():
            stored = await self._admin.list_consumer_group_offsets(
                group, partitions=list(self._positions)
            )
            offsets[group] = {where: at.offset for where, at in stored.items() if at.offset >= 0}
        merged = self._offsets | {group: at for group, at in offsets.items() if at}
        if merged != self._offsets:
            self._offsets = merged
            await asyncio.to_thread(write_offsets, self._folder, merged)

    async def _take(self, put: Put) -> bool:
        """Whether anything arrived."""
        batches = await self._consumer.getmany(timeout_ms=FETCH_MS)
        for where, records in batches.items():
            put(_encoded(_line(record)) for record in records)
            self._positions[where] = records[-1].offset + 1
        return bool(batches)


async def _commit(bootstrap: str, group: str, offsets: dict[TopicPartition, int]) -> None:
    """A group that is alive already refuses it; its members then start from the beginning."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=[bootstrap], group_id=group, enable_auto_commit=False
    )
    try:
        await consumer.start()
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    except KafkaError:
        return
    finally:
        await consumer.stop()


def _moved(offset: int, seen: int, kept: int) -> int:
    return max(0, min(offset, seen) - (seen - kept))


def _lines(path: Path) -> Iterator[Line]:
    """A last line that was cut short by a kill is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8") as log:
        for text in log:
            if text.endswith("\n"):
                yield json.loads(text)


def _stored_offsets(path: Path) -> Offsets:
    offsets: Offsets = {}
    rows: Iterable[tuple[str, str, int, int]] = (
        json.loads(path.read_text()) if path.exists() else ()
    )
    for group, topic, partition, offset in rows:
        offsets.setdefault(group, {})[TopicPartition(topic, partition)] = offset
    return offsets


def _encoded(line: Line) -> str:
    return json.dumps(line, separators=(",", ":")) + "\n"


def _line(record: ConsumerRecord[bytes, bytes]) -> Line:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "time": record.timestamp,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }


def _sendable(line: Line) -> dict[str, Any]:
    return {
        "timestamp_ms": line["time"],
        "key": _bytes(line["key"]),
        "value": _bytes(line["value"]),
        "headers": [(name, _bytes(value)) for name, value in line["headers"]],
    }


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)
