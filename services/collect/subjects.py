"""Whose an order, a ticket or an invoice is, also where nobody was asked about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from shared import db, erasure, sql
from shared.contracts.asks import Decision

QUERIES = sql.load(Path(__file__).parent / "queries.sql")


async def keep(connection: db.Connection, decisions: Sequence[Decision]) -> None:
    """Remember whom the moments that were decided are about."""
    newest: dict[tuple[str, str], datetime] = {}
    for each in decisions:
        if each.correlation and not erasure.is_stand_in(each.customer_id):
            key = (each.correlation, each.customer_id)
            newest[key] = max(each.decided_at, newest.get(key, each.decided_at))
    rows = [(*key, at) for key, at in sorted(newest.items())]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(QUERIES["keep_subjects"], *columns)


async def of(
    connection: db.Connection, correlations: Iterable[str]
) -> Mapping[str, Collection[str]]:
    """Return the customers whose moments were about these."""
    wanted = sorted(set(correlations))
    found: dict[str, set[str]] = {}
    for row in await connection.fetch(QUERIES["subjects"], wanted) if wanted else ():
        found.setdefault(row["correlation"], set()).add(row["customer_id"])
    return found
