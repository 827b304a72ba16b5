"""What `listen` reasons in: a source event without its dialect, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from shared.contracts.signals import Answer, Profile, Signal
from shared.records import Record

SkipReason = Literal["tombstone", "deleted", "no_rows", "no_mapping", "empty"]
"""Why a record that can be read says nothing to Touchback."""

Reception = Literal[
    "accepted",
    "repeated",
    "unsigned",
    "bad_signature",
    "stale",
    "replayed",
    "too_large",
    "no_secret",
]
"""What became of a posted event."""


class SourceEvent(NamedTuple):
    """What the rules of the catalog see, whichever format it came in.

    `at` is the time its envelope names, else that of the record on its topic, None when neither
    carries one. `place` names it for ever. `size` is the length of what came, in bytes. `before` is
    the row before a Debezium change. It is the `nth` of so many `among` the same record.
    """

    headers: Mapping[str, str]
    body: Any
    key: str
    at: datetime | None
    place: str
    size: int
    topic: str = ""
    before: Any = None
    nth: int = 1
    among: int = 1


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing to say about this record, and why."""

    reason: SkipReason


@dataclass(frozen=True, slots=True)
class Unused:
    """A signal that no touchpoint of the catalog waits for."""

    signal: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one source makes of one record; never empty."""

    messages: tuple[Signal | Answer | Profile | Unused, ...]


Outcome: TypeAlias = Mapped | Skipped
Said: TypeAlias = Signal | Answer | Profile | Unused | Skipped


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to store and publish, or only to count, and the record that says it."""

    source: str
    what: Said
    record: Record


Partition: TypeAlias = tuple[str, int]
"""A topic and the number of a partition of it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How far a partition is counted: the last offset, and the latest timestamp on the way."""

    upto: int
    latest: int

    def has(self, record: Record) -> bool:
        """Whether this record was counted; one of a topic that was made anew was not."""
        return record.offset <= self.upto and record.timestamp <= self.latest

    def with_(self, record: Record) -> Counted:
        """Return how far it is with this record."""
        return Counted(record.offset, max(self.latest, record.timestamp))


NOT_COUNTED = Counted(-1, -1)


@dataclass(frozen=True, slots=True)
class Pause:
    """A topic that waits: why, what was counted, and when it is looked at again.

    Until `open_until` it is read whatever becomes of it, because a person said so.
    """

    topic: str
    since: datetime
    reason: str
    failed: int
    seen: int
    tries: int
    next_try: datetime
    open_until: datetime | None

    def open(self, now: datetime) -> bool:
        """Whether somebody wants it read all the same."""
        return self.open_until is not None and now < self.open_until

    def holds(self, now: datetime) -> bool:
        """Whether nothing is to be read now, not even to try."""
        return not self.open(now) and now < self.next_try
