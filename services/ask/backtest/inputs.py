"""Where the input comes from: files of JSON lines, standard input, and topics as they stand."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from services.ask.backtest.said import Said, from_event, from_line, line_of
from services.ask.backtest.spool import Spool
from shared import kafka
from shared.consume import raw
from shared.contracts.envelope import decode
from shared.contracts.signals import Profile
from shared.errors import InvalidSettings, Unavailable, UnreadableMessage
from shared.records import Record
from shared.settings import Settings

TOPIC = "topic:"
STEP = 1000


class KafkaSettings(Settings):
    """Reading topics needs Kafka alone; what else stands in the environment is for the services."""

    postgres_dsn: str = ""
    catalog: Path = Path()


class Input:
    """What was read. `complain` is called with one line for each bad one."""

    def __init__(
        self,
        wanted: frozenset[str],
        complain: Callable[[str], None],
        advance: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.wanted = wanted
        self.advance = advance
        self.lines = self.refused = 0
        self.has_cards = False
        """Whether any contact card is in it."""
        self._complain = complain
        self._spool = Spool(wanted)

    @property
    def heard(self) -> int:
        """How many matter."""
        return self._spool.count

    @property
    def unused(self) -> int:
        """How many say nothing here, or are signals that nothing depends on."""
        return self.lines - self.refused - self.heard

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """When the first and the last that matters happened."""
        return self._spool.first, self._spool.last

    def in_order(self) -> Iterator[Said]:
        """Yield what matters in the order of time, whatever the order of the input."""
        return self._spool.in_order()

    def close(self) -> None:
        """Leave nothing on disk."""
        self._spool.close()

    def keep(self, said: Said, line: bytes) -> None:
        """Take what a line says."""
        self._spool.add(said.at, line)
        if said.signal is None and isinstance(said.body, Profile):
            self.has_cards = True

    def refuse(self, place: str, error: Exception) -> None:
        """Take note of what cannot be read."""
        self.refused += 1
        self._complain(f"{place}: {error}")


def size(names: Sequence[str]) -> int | None:
    """Return how many bytes there are to read, None where that is not known."""
    if any(name == "-" or name.startswith(TOPIC) for name in names):
        return None
    return sum(path.stat().st_size for name in names if (path := Path(name)).is_file())


def read_file(name: str, into: Input) -> None:
    """Read JSON lines; raises InvalidSettings where there is no such file."""
    if name == "-":
        _lines("standard input", sys.stdin.buffer, into)
        return
    try:
        with Path(name).open("rb") as stream:
            _lines(name, stream, into)
    except OSError as error:
        raise InvalidSettings(f"{name}: cannot read it: {error.strerror}") from error


def _lines(name: str, stream: IO[bytes], into: Input) -> None:
    keep, wanted, done, number = into.keep, into.wanted, 0, 0
    for number, line in enumerate(stream, start=1):
        done += len(line)
        if not number % STEP:
            into.advance(done)
            done = 0
        try:
            said = from_line(line, wanted)
        except UnreadableMessage as error:
            if line.strip():
                into.refuse(f"{name}, line {number}", error)
        else:
            if said is not None:
                keep(said, line)
    into.lines += number
    into.advance(done)


async def read_topic(name: str, settings: Settings, into: Input) -> None:
    """Read one of our topics from its beginning to where it ends now, in no consumer group."""
    async for record in _standing(name.removeprefix(TOPIC), settings):
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
            into.keep(said, line_of(event, record.value))


async def _standing(topic: str, settings: Settings) -> AsyncIterator[Record]:
    consumer = AIOKafkaConsumer(
        **kafka.client_options(settings), group_id=None, enable_auto_commit=False
    )
    try:
        await consumer.start()
        numbers = consumer.partitions_for_topic(topic) if topic in await consumer.topics() else None
        if not numbers:
            raise InvalidSettings(f"Kafka has no topic {topic}; should be like touchback.signals")
        partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async for record in _until(consumer, ends):
            yield record
    except KafkaError as error:
        raise Unavailable(f"Kafka is away: {error}") from error
    finally:
        await consumer.stop()


async def _until(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[Record]:
    """Yield what stands before the ends; positions say when they are reached, for compaction and
    aborted transactions leave gaps."""
    unread = dict(ends)
    while True:
        for partition, end in list(unread.items()):
            if await consumer.position(partition) >= end:
                consumer.pause(partition)
                del unread[partition]
        if not unread:
            return
        found = await consumer.getmany(timeout_ms=500)
        for partition, records in found.items():
            for record in records:
                if record.offset < ends[partition]:
                    yield raw(record)
