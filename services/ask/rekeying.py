"""Contact details that stand under an older key are encrypted anew, while the service runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared import db, sql
from shared.errors import UnreadableMessage
from shared.pii import Pii

QUERIES = sql.load(Path(__file__).parent / "rekeying.sql")
PLACES = ("cards", "bounced", "asks")
"""Contact cards, addresses that bounced, and the addresses that asks went to."""


@dataclass(slots=True)
class Count:
    """Under which key details stand: `renewed` just now, `older` still, `unreadable` with all."""

    newest: int = 0
    renewed: int = 0
    older: int = 0
    unreadable: int = 0

    @property
    def seen(self) -> int:
        """How many were looked at."""
        return self.newest + self.renewed + self.older + self.unreadable

    def add(self, other: Count) -> None:
        """Count these too."""
        self.newest += other.newest
        self.renewed += other.renewed
        self.older += other.older
        self.unreadable += other.unreadable


@dataclass(frozen=True, slots=True)
class _Detail:
    one: str
    two: str
    token: str


async def walk(
    connection: db.Connection, pii: Pii, batch: int, *, renew: bool
) -> AsyncIterator[Count]:
    """Yield what each batch came to. Each is committed by itself, so it may end anywhere.

    Without `renew` nothing is written, and what stands under an older key is only counted.
    """
    for place in PLACES:
        details = await _after(connection, place, ("", ""), batch)
        while details:
            yield await _look(connection, place, details, pii, renew=renew)
            last = details[-1]
            details = await _after(connection, place, (last.one, last.two), batch)


async def _after(
    connection: db.Connection, place: str, last: tuple[str, str], batch: int
) -> list[_Detail]:
    rows = await connection.fetch(QUERIES[f"{place}_after"], *last, batch)
    return [_Detail(**dict(row)) for row in rows]


async def _look(
    connection: db.Connection, place: str, details: Sequence[_Detail], pii: Pii, *, renew: bool
) -> Count:
    count = Count()
    old: list[tuple[_Detail, str]] = []
    for each in details:
        try:
            fresh = pii.renewed(each.token)
        except UnreadableMessage:
            count.unreadable += 1
            continue
        if fresh is None:
            count.newest += 1
        else:
            old.append((each, fresh))
    if old and renew:
        rows = ((each.one, each.two, each.token, fresh) for each, fresh in old)
        columns = [list(column) for column in zip(*rows, strict=True)]
        count.renewed = len(await connection.fetch(QUERIES[f"{place}_renew"], *columns))
    count.older = len(old) - count.renewed
    return count
