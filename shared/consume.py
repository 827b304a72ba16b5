"""Batch consumption: one PostgreSQL transaction per batch, and the offset commits after it.

FastStream's own acknowledgement policies lose events each in its way, and its parser skips records
with null or binary headers; so records pass through it unread, and everything is decided here.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, cast

from aiokafka import ConsumerRecord
from prometheus_client import Counter, Histogram

from shared import db, inbox, outbox, topics
from shared.clock import Clock
from shared.contracts.envelope import Event, Header, decode, stable_id
from shared.errors import UnreadableMessage
from shared.pulse import Pulse
from shared.records import Record
from shared.tallies import Tally

_log = logging.getLogger(__name__)
T = TypeVar("T")
BATCH = 500
LONGEST_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """One event of a record. (source, id) is the same wherever and however often it arrives.

    Without an id it is not remembered, and handled each time it arrives: its handler says what
    that means.
    """

    source: str
    id: str | None
    value: T


Parse = Callable[[Record], Sequence[Item[T]]]
Handle = Callable[[db.Connection, Sequence[Item[T]], datetime], Awaitable[None]]


def own_messages(record: Record) -> Sequence[Item[Event]]:
    """Read a record of a `touchback.*` topic; types that a newer release added are skipped."""
    try:
        event = decode(record.text_headers, record.value)
    except ValueError as error:
        raise UnreadableMessage(f"{record.topic}: {error}") from error
    return [Item(event.source, event.id, event)] if event else []


@dataclass(frozen=True, slots=True)
class Refused:
    """A record on its way to the dead letters, and why."""

    record: Record
    error: Exception
    attempts: int

    @property
    def identity(self) -> inbox.Identity:
        # The timestamp tells records apart whose topic was made anew and counts from 0 again.
        return ("dead-letter", f"{self.record.position}@{self.record.timestamp}")

    def letter(self, service: str, at: datetime) -> outbox.Outgoing:
        """Return the original bytes, key and headers, with what went wrong beside them."""
        about: dict[str, str] = {
            "topic": self.record.topic,
            "partition": str(self.record.partition),
            "offset": str(self.record.offset),
            "service": service,
            "class": type(self.error).__name__,
            # The first line only: below it PostgreSQL quotes the row at fault.
            "message": (str(self.error).splitlines() or [""])[0][:1000],
            "at": at.isoformat(),
            "attempts": str(self.attempts),
        }
        headers: list[Header] = [*self.record.headers]
        headers += [(f"x-error-{name}", value.encode()) for name, value in about.items()]
        return outbox.Outgoing(
            id=stable_id(service, *self.identity),
            topic=topics.DEAD_LETTERS,
            key=self.record.key,
            type="dead-letter",
            payload=self.record.value,
            headers=headers,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """A record of a batch, and why it cannot be understood, if so."""

    record: Record
    refusal: str | None


class Gate(Protocol):
    """Decides which records are left unread where they stand, to come again later."""

    def closed(self) -> frozenset[str]:
        """Name the topics that are not to be fetched now."""
        ...

    async def hold(self, seen: Sequence[Seen]) -> Sequence[Record]:
        """Return the records of a batch that wait; of a partition always all to the end."""
        ...

    def stored(self, seen: Sequence[Seen]) -> None:
        """Take note of the others, which are committed now."""
        ...


@dataclass(frozen=True, slots=True)
class Counters:
    """What consumers count in memory."""

    consumed: Counter
    duplicate: Counter
    seconds: Histogram
    topic: Callable[[str], str]


class Consumer(Generic[T]):
    """Takes batches of records: parses each on its own, drops repeats, handles the rest at once."""

    def __init__(
        self,
        *,
        service: str,
        database: db.Database,
        clock: Clock,
        parse: Parse[T],
        handle: Handle[T],
        counters: Counters,
        pulse: Pulse,
        gate: Gate | None = None,
    ) -> None:
        self._service = service
        self._database = database
        self._clock = clock
        self._parse = parse
        self._handle = handle
        self._counters = counters
        self.pulse = pulse
        self.gate = gate
        self.busy = False

    async def take(self, records: Sequence[Record]) -> Sequence[Record]:
        """Handle a batch; returns when it is committed. While PostgreSQL is away, it waits.

        What a gate holds back is returned, untouched: it must be read again.
        """
        self.busy = True
        try:
            with self._counters.seconds.labels(topics.group(self._service)).time():
                return await self._until_stored(records)
        finally:
            self.busy = False

    async def _until_stored(self, records: Sequence[Record]) -> Sequence[Record]:
        wait = 0.1
        self.pulse.beat()
        while True:
            try:
                return await self._take_all_or_each(records)
            except Exception as error:  # noqa: BLE001  (a record at fault is in the dead letters by now: what is left is the database)
                _log.warning(
                    "batch waits for the database",
                    extra={
                        "action": "batch_waits",
                        "error": f"{type(error).__name__}: {error}",
                    },
                )
                if isinstance(error, db.NOT_THE_RECORD):
                    self.pulse.beat()
                await asyncio.sleep(wait * random.uniform(0.8, 1.2))
                wait = min(wait * 2, LONGEST_WAIT)

    async def _take_all_or_each(self, records: Sequence[Record]) -> Sequence[Record]:
        parsed, refused = self._parse_all(records)
        if self.gate is None:
            await self._store_all_or_each(parsed, refused)
            self._count(records)
            return ()
        reasons = {each.record.position: str(each.error) for each in refused}
        seen = [Seen(record, reasons.get(record.position)) for record in records]
        held = await self.gate.hold(seen)
        waiting = {each.position for each in held}
        await self._store_all_or_each(
            [each for each in parsed if each[0].position not in waiting],
            [each for each in refused if each.record.position not in waiting],
        )
        taken = [each for each in seen if each.record.position not in waiting]
        self.gate.stored(taken)
        self._count([each.record for each in taken])
        return held

    async def _store_all_or_each(
        self, parsed: Sequence[tuple[Record, Sequence[Item[T]]]], refused: Sequence[Refused]
    ) -> None:
        try:
            await self._store([item for _, items in parsed for item in items], refused)
        except db.NOT_THE_RECORD:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a handler does wrong, no record may be lost or block others)
            _log.exception("batch failed", extra={"action": "batch_failed", "error": str(error)})
            await self._store([], refused)
            for record, items in parsed:
                await self._store_one(record, items)

    def _count(self, records: Sequence[Record]) -> None:
        named = (self._counters.topic(record.topic) for record in records)
        for topic, count in _count(named).items():
            self._counters.consumed.labels(topic, topics.group(self._service)).inc(count)

    async def _store_one(self, record: Record, items: Sequence[Item[T]]) -> None:
        try:
            await self._store(items, [])
        except db.NOT_THE_RECORD:
            raise
        except Exception as error:  # noqa: BLE001  (see above: this record ends in the dead letters)
            await self._store([], [Refused(record, error, attempts=2)])

    def _parse_all(
        self, records: Sequence[Record]
    ) -> tuple[list[tuple[Record, Sequence[Item[T]]]], list[Refused]]:
        parsed: list[tuple[Record, Sequence[Item[T]]]] = []
        refused: list[Refused] = []
        for record in records:
            try:
                parsed.append((record, self._parse(record)))
            except Exception as error:  # noqa: BLE001  (a record that breaks the parser must not come back for ever)
                refused.append(Refused(record, error, attempts=1))
        return parsed, refused

    async def _store(self, items: Sequence[Item[T]], refused: Sequence[Refused]) -> None:
        if not items and not refused:
            return
        now = self._clock.now()
        async with self._database.transaction() as connection:
            fresh = await self._fresh(connection, items, now)
            if fresh:
                await self._handle(connection, fresh, now)
            if refused:
                await self._bury(connection, refused, now)

    async def _fresh(
        self, connection: db.Connection, items: Sequence[Item[T]], now: datetime
    ) -> list[Item[T]]:
        unique: dict[inbox.Identity, Item[T]] = {}
        nameless: list[Item[T]] = []
        for item in items:
            if item.id is None:
                nameless.append(item)
            else:
                unique.setdefault((item.source, item.id), item)
        new = await inbox.accept(connection, unique, now)
        repeats = len(items) - len(nameless) - len(new)
        self._counters.duplicate.labels(topics.group(self._service)).inc(repeats)
        return [*(item for key, item in unique.items() if key in new), *nameless]

    async def _bury(
        self, connection: db.Connection, refused: Sequence[Refused], now: datetime
    ) -> None:
        new = await inbox.accept(connection, (each.identity for each in refused), now)
        fresh = [each for each in refused if each.identity in new]
        await outbox.add(connection, (each.letter(self._service, now) for each in fresh), now)
        tally = Tally()
        for each in fresh:
            tally.add("dead_letters", each.record.topic, type(each.error).__name__)
            _log.warning(
                "record refused",
                extra={
                    "action": "dead_letter",
                    "position": each.record.position,
                    "error": str(each.error)[:300],
                },
            )
        await tally.write(connection)


def _count(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def raw(record: ConsumerRecord[Any, Any]) -> Record:
    """Take a record as aiokafka gives it."""
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )


async def unread_batch(message: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    """Parser for FastStream: hides headers and bodies from it, and keeps the records."""
    records = cast("tuple[ConsumerRecord[Any, Any], ...]", message)
    parsed = await original(tuple(replace(record, headers=(), value=b"") for record in records))
    parsed.raw_message = records
    return parsed


async def raw_batch(message: Any) -> list[Record]:
    """Decoder for FastStream: the records as they came."""
    return [raw(record) for record in message.raw_message]
