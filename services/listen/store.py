"""Which topics wait, and how far records without effect are counted, as replicas share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from services.listen.model import Counted, Partition, Pause
from shared import db, sql

QUERIES = sql.load(Path(__file__).parent / "queries.sql")


async def pauses(connection: db.Connection) -> dict[str, Pause]:
    """Return the pauses there are, by topic."""
    rows = await connection.fetch(QUERIES["pauses"])
    return {row["topic"]: Pause(**row) for row in rows}


async def pause(connection: db.Connection, new: Pause) -> None:
    """Begin a pause, unless another replica did."""
    await connection.execute(
        QUERIES["pause"], new.topic, new.since, new.reason, new.failed, new.seen, new.next_try
    )


async def tried(connection: db.Connection, before: Pause, after: Pause) -> None:
    """Remember a try that found no better records."""
    await connection.execute(
        QUERIES["tried"],
        before.topic,
        before.tries,
        after.next_try,
        after.reason,
        after.failed,
        after.seen,
    )


async def resume(connection: db.Connection, topic: str) -> None:
    """End a pause."""
    await connection.execute(QUERIES["resume"], topic)


async def try_now(
    connection: db.Connection, topics: Sequence[str], now: datetime, open_until: datetime | None
) -> int:
    """Bring the next try forward; returns how many of these topics were paused."""
    done = await connection.execute(QUERIES["try_now"], list(topics), now, open_until)
    return int(done.rpartition(" ")[2])


async def counted(connection: db.Connection, topics: Iterable[str]) -> dict[Partition, Counted]:
    """Return how far these topics are counted, and keep others from counting there meanwhile."""
    rows = await connection.fetch(QUERIES["counted"], sorted(topics))
    return {(row["topic"], row["partition"]): Counted(row["upto"], row["latest"]) for row in rows}


async def count_up_to(connection: db.Connection, marks: Mapping[Partition, Counted]) -> None:
    """Remember that these partitions are counted so far."""
    rows = [(*where, mark.upto, mark.latest) for where, mark in sorted(marks.items())]
    await connection.execute(QUERIES["count_up_to"], *zip(*rows, strict=True))
