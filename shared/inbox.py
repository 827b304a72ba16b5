"""Each event once: an event's source and id are remembered in the transaction that handles it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared import db, kernel

Identity = tuple[str, str]
"""(source, id): unique for an event wherever and however often it arrives."""


PRUNED_AT_ONCE = 10_000
KEPT = timedelta(days=14)
"""A week longer than Kafka keeps records by default. What comes again later than that still has no
second effect: services derive their ids from the event's own."""


async def prune(connection: db.Connection, now: datetime) -> bool:
    """Forget a slice of what no topic holds any more; True when there may be more of it."""
    done = await connection.execute(kernel.QUERIES["inbox_prune"], now - KEPT, PRUNED_AT_ONCE)
    return done == f"DELETE {PRUNED_AT_ONCE}"


async def accept(
    connection: db.Connection, events: Iterable[Identity], now: datetime
) -> set[Identity]:
    """Remember these events; returns the ones never seen before."""
    unique = sorted(set(events))
    if not unique:
        return set()
    sources, ids = zip(*unique, strict=True)
    rows = await connection.fetch(kernel.QUERIES["inbox_accept"], sources, ids, now)
    return {(row["source"], row["id"]) for row in rows}
