"""The dead letters of all services: found on their topic, and sent on their way once more."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared import db, inbox, kafka, outbox, topics
from shared.consume import raw
from shared.contracts.envelope import Header, stable_id
from shared.errors import Unavailable
from shared.records import Record
from shared.settings import Settings
from shared.tallies import Tally

LONGEST_SILENCE = 30.0
AT_ONCE = 500
_PREFIX = "x-error-"
_ABOUT = ("service", "topic", "partition", "offset", "class", "message", "at", "attempts")


@dataclass(frozen=True, slots=True)
class Letter:
    """A record as it was refused, and why. `id` is its place among the dead letters."""

    id: str
    about: dict[str, str]
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]

    @property
    def position(self) -> str:
        """Where the original stood, as logs say it."""
        return "/".join(self.about.get(name, "?") for name in ("topic", "partition", "offset"))

    @property
    def identity(self) -> inbox.Identity:
        """The same for each copy of a letter, which a crash may have put on the topic twice."""
        about = self.about
        return ("dead-letter-replay", f"{about['service']}:{self.position}@{about['at']}")

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON can say it; what is no text stands in base64."""
        return {
            "id": self.id,
            "about": self.about,
            "headers": [[name, _text(value)] for name, value in self.headers],
            "key": _text(self.key),
            "value": _text(self.value),
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: by id, or by when, why and where they were refused. Nothing said is all."""

    ids: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    reason: str | None = None
    service: str | None = None
    topic: str | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether it is one of them; the reason is looked for in class and message."""
        about = letter.about
        why = f"{about['class']}: {about['message']}".lower()
        return (
            (not self.ids or letter.id in self.ids)
            and (self.reason is None or self.reason.lower() in why)
            and self.service in (None, about["service"])
            and self.topic in (None, about["topic"])
            and self._in_time(about["at"])
        )

    def _in_time(self, text: str) -> bool:
        if self.since is None and self.until is None:
            return True
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return False
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def _text(value: bytes | None) -> Any:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}


def letter(record: Record) -> Letter:
    """Take the `x-error-…` headers apart from those of the original."""
    texts = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    return Letter(
        id=f"{record.partition}/{record.offset}",
        about={name: texts.get(_PREFIX + name, "") for name in _ABOUT},
        key=record.key,
        value=record.value,
        headers=tuple(each for each in record.headers if not each[0].startswith(_PREFIX)),
    )


async def find(settings: Settings, wanted: Wanted) -> AsyncIterator[list[Letter]]:
    """Yield what stands on the topic now, in slices; raises Unavailable when Kafka is away."""
    async with _reading(settings) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while [each for each, end in ends.items() if await consumer.position(each) < end]:
            async with asyncio.timeout(LONGEST_SILENCE):
                batches = await consumer.getmany(timeout_ms=500, max_records=AT_ONCE)
            read = (letter(raw(each)) for records in batches.values() for each in records)
            if found := [each for each in read if wanted.takes(each)]:
                yield found


@asynccontextmanager
async def _reading(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topics.DEAD_LETTERS,
        **kafka.client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        async with asyncio.timeout(LONGEST_SILENCE):
            await consumer.start()
        yield consumer
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(f"Kafka is away: {error or 'no answer in time'}") from error
    finally:
        await consumer.stop()


async def newest(settings: Settings, wanted: Wanted, limit: int) -> list[Letter]:
    """Return the newest so many, oldest first."""
    kept: list[Letter] = []
    async for found in find(settings, wanted):
        kept = sorted([*kept, *found], key=lambda each: each.about["at"])[-limit:]
    return kept


async def replay(
    database: db.Database, letters: Sequence[Letter], now: datetime
) -> tuple[list[Letter], list[Letter]]:
    """Queue originals for the topics they came from; returns those, and those queued before.

    A letter goes once: what fails again is a new letter. The outbox brings them to Kafka, like
    everything else, when `listen` runs and Kafka is there.
    """
    async with database.transaction() as connection:
        new = await inbox.accept(connection, (each.identity for each in letters), now)
        fresh = list({each.identity: each for each in letters if each.identity in new}.values())
        await outbox.add(connection, map(_original, fresh), now)
        tally = Tally()
        for each in fresh:
            tally.add("dead_letters_replayed", each.about["topic"])
        await tally.write(connection)
    again = {each.id for each in fresh}
    return fresh, [each for each in letters if each.id not in again]


def _original(letter: Letter) -> outbox.Outgoing:
    return outbox.Outgoing(
        id=stable_id("listen", *letter.identity),
        topic=letter.about["topic"],
        key=letter.key,
        type="dead-letter-replay",
        payload=letter.value,
        headers=list(letter.headers),
    )


def missing(wanted: Iterable[str], found: Iterable[Letter]) -> list[str]:
    """Name the ids that nobody has."""
    return sorted(set(wanted) - {each.id for each in found})
