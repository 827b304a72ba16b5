"""The read model in PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from services.console.funnel import STEPS, Step
from services.console.model import OPEN, Inbox, Moment, TeamNow, Wanted, running
from shared import db, sql
from shared.contracts.cases import CaseEvent

QUERIES = sql.load(Path(__file__).parent / "queries.sql")
PAGE = 50
CHANGED = "cases"
"""What open pages wait for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line for the timeline; (source, event_id) makes it unique."""

    source: str
    event_id: str
    customer_id: str
    moment: Moment


async def write_cases(connection: db.Connection, events: Sequence[CaseEvent]) -> None:
    """Store the newest version of each case."""
    newest: dict[str, CaseEvent] = {}
    for event in events:
        known = newest.get(event.case_id)
        if known is None or known.version < event.version:
            newest[event.case_id] = event
    if newest:
        rows = [_row(newest[case_id]) for case_id in sorted(newest)]
        columns = (list(column) for column in zip(*rows, strict=True))
        await connection.execute(QUERIES["cases_write"], *columns)


def _row(event: CaseEvent) -> tuple[object, ...]:
    return (
        event.case_id,
        event.version,
        event.customer_id,
        event.team,
        event.state,
        event.assignee,
        event.opened_at,
        min((deadline.due_at for deadline in running(event)), default=None),
        searched(event),
        event.root_cause,
        event.model_dump(mode="json", exclude_none=True),
    )


def searched(event: CaseEvent) -> str:
    """Return the words by which a case is found."""
    words = (event.customer_id, event.touchpoint, event.score.comment, event.assignee)
    return "\n".join(word for word in (event.case_id, *words) if word).lower()


async def add_lines(connection: db.Connection, lines: Sequence[Line]) -> None:
    """Add to timelines; a line that is there already stays as it is."""
    if not lines:
        return
    await connection.execute(
        QUERIES["timeline_add"],
        [line.source for line in lines],
        [line.event_id for line in lines],
        [line.customer_id for line in lines],
        [line.moment.at for line in lines],
        [line.moment.kind for line in lines],
        [line.moment.title for line in lines],
        [dict(line.moment.detail) for line in lines],
    )


async def inbox(connection: db.Connection, wanted: Wanted) -> Inbox:
    """Return one page of the inbox."""
    rows = await connection.fetch(
        QUERIES["inbox"],
        wanted.team,
        _states(wanted.state),
        wanted.search,
        PAGE,
        (wanted.page - 1) * PAGE,
    )
    return Inbox(tuple(map(_case, rows)), rows[0]["total"] if rows else 0)


def _states(state: str) -> Sequence[str] | None:
    if state == "all":
        return None
    return OPEN if state == "open" else (state,)


def _case(row: db.Row) -> CaseEvent:
    return CaseEvent.model_validate(row["snapshot"])


async def teams(connection: db.Connection) -> list[str]:
    """Return the teams that ever had a case."""
    return [row["team"] for row in await connection.fetch(QUERIES["teams"])]


async def root_causes(connection: db.Connection) -> list[str]:
    """Return the root causes given so far, the most frequent first."""
    return [row["root_cause"] for row in await connection.fetch(QUERIES["root_causes"])]


async def case(connection: db.Connection, case_id: str) -> CaseEvent | None:
    """Return one case."""
    row = await connection.fetchrow(QUERIES["case_read"], case_id)
    return None if row is None else _case(row)


async def cases_of(connection: db.Connection, customer_id: str) -> list[CaseEvent]:
    """Return a customer's cases, newest first."""
    return [_case(row) for row in await connection.fetch(QUERIES["cases_of_customer"], customer_id)]


async def timeline(connection: db.Connection, customer_id: str, limit: int = 100) -> list[Moment]:
    """Return what happened to a customer, newest first."""
    rows = await connection.fetch(QUERIES["timeline_of"], customer_id, limit)
    return [Moment(**dict(row)) for row in rows]


async def count_steps(connection: db.Connection, taken: Counter[tuple[date, str, Step]]) -> None:
    """Add to the counts; in sorted order, so that writers never deadlock."""
    if not taken:
        return
    rows = [(*key, n) for key, n in sorted(taken.items())]
    columns = (list(column) for column in zip(*rows, strict=True))
    await connection.execute(QUERIES["funnel_add"], *columns)


async def funnel(connection: db.Connection, since: date) -> dict[str, dict[str, int]]:
    """Return how often each step was taken at each touchpoint since a day; 0 where it never was."""
    found: dict[str, dict[str, int]] = {}
    for row in await connection.fetch(QUERIES["funnel_since"], since):
        counts = found.setdefault(row["touchpoint"], dict.fromkeys(STEPS, 0))
        counts[row["step"]] = row["n"]
    return found


async def summary(connection: db.Connection, now: datetime) -> list[TeamNow]:
    """Count what waits for each team."""
    rows: list[Any] = await connection.fetch(QUERIES["summary"], now, OPEN)
    return [TeamNow(**dict(row)) for row in rows]
