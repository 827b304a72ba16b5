"""Which trace an ask was part of: its answer goes on with it, days later and by another way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from services.collect.model import Response
from shared import db, sql

QUERIES = sql.load(Path(__file__).parent / "queries.sql")


async def keep(connection: db.Connection, parents: Mapping[str, str], now: datetime) -> None:
    """Remember the trace of asks and answers; the first one that is told stays."""
    if parents:
        ids = sorted(parents)
        await connection.execute(QUERIES["keep_traces"], ids, [parents[each] for each in ids], now)


def _began_before(response: Response) -> bool:
    return not response.unlinked and bool(response.invitation_id or response.origin == "topic")


async def of(connection: db.Connection, responses: Sequence[Response]) -> dict[str, str]:
    """Return the traces that these answers go on with, by answer.

    An answer that nobody may be able to tell from others has none: its trace would. One that came
    by program, or long ago, began nowhere else, so nothing needs to be looked for.
    """
    asked = {each.response_id: each.invitation_id for each in responses if _began_before(each)}
    wanted = sorted({*asked, *(each for each in asked.values() if each)})
    if not wanted:
        return {}
    rows = await connection.fetch(QUERIES["traces"], wanted)
    known = {row["id"]: row["traceparent"] for row in rows}
    found = {answer: known.get(answer) or known.get(ask or "") for answer, ask in asked.items()}
    return {answer: parent for answer, parent in found.items() if parent}
