"""The read model in PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from services.console.funnel import STEPS, Step
from services.console.model import (
    CLOCKS,
    OPEN,
    AskCount,
    CaseCount,
    CauseCount,
    ClockCount,
    Inbox,
    Moment,
    ScoreCount,
    TeamNow,
    Wanted,
    running,
)
from shared import db, sql
from shared.catalog.scales import EXPERIENCE_PARTS
from shared.contracts.asks import Invitation
from shared.contracts.cases import CaseEvent, Deadline
from shared.contracts.responses import Response

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
    """Store the newest version of each case, and of the clocks of its first cycle."""
    newest: dict[str, CaseEvent] = {}
    clocks: dict[tuple[str, str], tuple[object, ...]] = {}
    for event in sorted(events, key=lambda each: each.version):
        newest[event.case_id] = event
        for deadline in _first(event):
            clocks[event.case_id, deadline.clock] = _clock(event, deadline)
    cases = [newest[case_id] for case_id in sorted(newest)]
    await _write(connection, "cases_write", [_row(case) for case in cases])
    await _write(connection, "clocks_write", [clocks[key] for key in sorted(clocks)])


async def _write(connection: db.Connection, query: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        await connection.execute(QUERIES[query], *map(list, zip(*rows, strict=True)))


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


def _first(event: CaseEvent) -> list[Deadline]:
    return [each for each in event.deadlines if each.clock in CLOCKS and each.cycle == 1]


def _clock(event: CaseEvent, deadline: Deadline) -> tuple[object, ...]:
    seconds = deadline.wall_seconds
    if seconds is None and deadline.met_at is not None:
        since = deadline.started_at or event.opened_at
        seconds = max(0.0, (deadline.met_at - since).total_seconds())
    return (
        event.case_id,
        deadline.clock,
        event.version,
        event.team,
        event.opened_at,
        deadline.due_at,
        deadline.met_at,
        deadline.breached,
        deadline in running(event),
        seconds,
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
    await _write(connection, "funnel_add", [(*key, n) for key, n in sorted(taken.items())])


def first_day(now: datetime, days: int) -> date:
    """Return the first of so many days of UTC, today included."""
    return now.astimezone(UTC).date() - timedelta(days=days - 1)


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


# --- figures -------------------------------------------------------------------------------------


async def put_scores(connection: db.Connection, responses: Sequence[Response]) -> None:
    """Keep the newest word of each response that gives a score."""
    newest = {each.response_id: each for each in responses if each.score is not None}
    rows = [_score(newest[response_id]) for response_id in sorted(newest)]
    await _write(connection, "scores_put", rows)


def _score(response: Response) -> tuple[object, ...]:
    parts = response.answers.get("parts")
    parts = parts if isinstance(parts, dict) else {}
    return (
        response.response_id,
        response.invitation_id,
        response.touchpoint,
        response.stage,
        response.survey,
        response.metric,
        response.band,
        *(parts.get(name) for name in EXPERIENCE_PARTS),
        response.answers.get("effort"),
        response.unlinked,
        response.received_at,
        response.at,
    )


async def put_asks(
    connection: db.Connection, sent: Sequence[Invitation], failed: Sequence[str]
) -> None:
    """Keep asks that a channel took; those that failed after all were none."""
    rows = [
        (each.invitation_id, each.touchpoint, each.attribution.stage, each.survey, each.at)
        for each in sorted(sent, key=lambda each: each.invitation_id)
    ]
    await _write(connection, "asks_put", rows)
    if failed:
        await connection.execute(QUERIES["asks_drop"], list(failed))


async def clocks(connection: db.Connection, since: datetime, until: datetime) -> list[ClockCount]:
    """Count how the clocks of cases opened in that time were decided."""
    rows = await connection.fetch(QUERIES["clocks_counted"], since, until)
    return [ClockCount(**{**dict(row), "seconds": tuple(row["seconds"])}) for row in rows]


async def causes(connection: db.Connection, since: datetime, until: datetime) -> list[CauseCount]:
    """Count the root causes of cases opened in that time."""
    rows: list[Any] = await connection.fetch(QUERIES["causes_counted"], since, until)
    return [CauseCount(**dict(row)) for row in rows]


async def scores(
    connection: db.Connection, until: datetime, span: timedelta, periods: int
) -> list[ScoreCount]:
    """Count the answers of so many periods up to then."""
    seconds = span.total_seconds()
    rows: list[Any] = await connection.fetch(QUERIES["scores_counted"], until, seconds, periods)
    return [ScoreCount(**dict(row)) for row in rows]


async def asks(connection: db.Connection, since: datetime, until: datetime) -> list[AskCount]:
    """Count the asks sent in that time, and those answered."""
    rows: list[Any] = await connection.fetch(QUERIES["asks_counted"], since, until)
    return [AskCount(**dict(row)) for row in rows]


async def waiting(connection: db.Connection, now: datetime) -> list[CaseCount]:
    """Count what waits at each touchpoint."""
    rows: list[Any] = await connection.fetch(QUERIES["cases_counted"], now, OPEN)
    return [CaseCount(**dict(row)) for row in rows]
