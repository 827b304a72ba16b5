"""Cases in PostgreSQL: rows become model values here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.close.decide import soon_at
from services.close.model import Case, EventType, OpenCount
from shared import db, sql
from shared.contracts.api import Fixed
from shared.contracts.base import Message
from shared.contracts.cases import CaseEvent, CaseScore, CaseState, Clock
from shared.contracts.responses import Response
from shared.labels import Labels

QUERIES = sql.load(Path(__file__).parent / "queries.sql")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a case's history."""

    type: EventType
    event: CaseEvent


@dataclass(frozen=True, slots=True)
class Breach:
    """A clock of a case that ran out."""

    case_id: str
    clock: Clock
    cycle: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """The first result under an idempotency key, and what had been asked."""

    fingerprint: str
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A case as it is read from outside."""

    event: CaseEvent
    first_alert_delivered_at: datetime | None


def document(message: Message) -> dict[str, Any]:
    """Return a message as it is stored and published."""
    return message.model_dump(mode="json", exclude_none=True)


async def lock(connection: db.Connection, case_ids: Iterable[str]) -> dict[str, Case]:
    """Take these cases for the rest of the transaction; those we do not know are left out."""
    rows = await connection.fetch(QUERIES["cases_lock"], sorted(set(case_ids)))
    cases = (
        Case(
            CaseEvent.model_validate(row["snapshot"]),
            row["started_at"],
            row["cycle"],
            row["delivered_at"],
            row["route_decided"],
        )
        for row in rows
    )
    return {case.id: case for case in cases}


async def write(connection: db.Connection, cases: Sequence[Case]) -> None:
    """Store the cases as they are now."""
    if not cases:
        return
    ordered = sorted(cases, key=lambda case: case.id)
    columns = zip(*(_row(case) for case in ordered), strict=True)
    await connection.execute(QUERIES["cases_write"], *(list(column) for column in columns))


def _row(case: Case) -> tuple[object, ...]:
    event = case.event
    return (
        event.case_id,
        event.customer_id,
        event.touchpoint,
        event.team,
        event.priority,
        event.state,
        event.assignee,
        event.version,
        case.cycle,
        event.opened_at,
        case.started_at,
        case.next_due_at,
        document(event),
        soon_at(case),
    )


async def add_events(connection: db.Connection, entries: Sequence[Entry]) -> None:
    """Append to the histories; a version told twice is an error of ours and fails."""
    if not entries:
        return
    await connection.execute(
        QUERIES["events_add"],
        [entry.event.case_id for entry in entries],
        [entry.event.version for entry in entries],
        [entry.type for entry in entries],
        [entry.event.actor for entry in entries],
        [entry.event.previous for entry in entries],
        [entry.event.state for entry in entries],
        [entry.event.reason for entry in entries],
        [entry.event.at for entry in entries],
        [document(entry.event) for entry in entries],
    )


async def known_scores(connection: db.Connection, case_ids: Iterable[str]) -> set[tuple[str, str]]:
    """Return (case id, response id) of every score these cases have."""
    rows = await connection.fetch(QUERIES["scores_known"], list(case_ids))
    return {(row["case_id"], row["response_id"]) for row in rows}


async def add_scores(connection: db.Connection, scores: Sequence[tuple[str, CaseScore]]) -> None:
    """Remember which score opened or joined which case."""
    if not scores:
        return
    await connection.execute(
        QUERIES["scores_add"],
        [case_id for case_id, _ in scores],
        [score.response_id for _, score in scores],
        [score.received_at for _, score in scores],
    )


async def alerts_delivered(
    connection: db.Connection, deliveries: Sequence[tuple[str, datetime]]
) -> None:
    """Keep when the first alert about each case reached its team."""
    if not deliveries:
        return
    await connection.execute(
        QUERIES["alerts_delivered"],
        [case_id for case_id, _ in deliveries],
        [at for _, at in deliveries],
    )


async def add_breaches(
    connection: db.Connection, breaches: Sequence[Breach], now: datetime
) -> set[tuple[str, Clock, int]]:
    """Mark clocks that ran out; returns (case id, clock, cycle) of those not marked before."""
    if not breaches:
        return set()
    rows = await connection.fetch(
        QUERIES["breaches_add"],
        [each.case_id for each in breaches],
        [each.clock for each in breaches],
        [each.cycle for each in breaches],
        [each.due_at for each in breaches],
        now,
    )
    return {(row["case_id"], row["clock"], row["cycle"]) for row in rows}


async def result_of(connection: db.Connection, case_id: str, action: str, key: str) -> Kept | None:
    """Return what the same request got before; the case must be locked."""
    row = await connection.fetchrow(QUERIES["result_of_key"], case_id, action, key)
    return None if row is None else Kept(row["fingerprint"], row["result"])


async def keep_result(
    connection: db.Connection, case_id: str, action: str, key: str, kept: Kept, now: datetime
) -> None:
    """Remember the result for requests that come again."""
    await connection.execute(
        QUERIES["result_keep"], case_id, action, key, kept.fingerprint, kept.result, now
    )


async def listed(
    connection: db.Connection, team: str | None, states: Sequence[CaseState] | None, limit: int
) -> list[Shown]:
    """Return cases, newest first."""
    return [
        _shown(row) for row in await connection.fetch(QUERIES["cases_list"], team, states, limit)
    ]


async def read(connection: db.Connection, case_id: str) -> Shown | None:
    """Return one case."""
    row = await connection.fetchrow(QUERIES["case_read"], case_id)
    return None if row is None else _shown(row)


def _shown(row: db.Row) -> Shown:
    return Shown(CaseEvent.model_validate(row["snapshot"]), row["first_alert_delivered_at"])


async def history(connection: db.Connection, case_id: str) -> list[Entry]:
    """Return everything that happened to a case, in order."""
    rows = await connection.fetch(QUERIES["case_history"], case_id)
    return [Entry(row["type"], CaseEvent.model_validate(row["body"])) for row in rows]


async def open_now(
    connection: db.Connection, now: datetime, ages: Sequence[float]
) -> list[OpenCount]:
    """Count the open cases of each team and priority; `ages` are where their ages are cut."""
    rows = await connection.fetch(QUERIES["cases_now"], now, list(ages))
    return [OpenCount(**{**dict(row), "age_buckets": tuple(row["age_buckets"])}) for row in rows]


async def unmarked(connection: db.Connection, now: datetime) -> dict[str, dict[Labels, int]]:
    """Count, by clock, team and priority, first deadlines that have passed and nobody marked."""
    found: dict[str, dict[Labels, int]] = {}
    for row in await connection.fetch(QUERIES["breaches_unmarked"], now):
        found.setdefault(row["clock"], {})[row["team"], row["priority"]] = row["late"]
    return found


async def decide_route(connection: db.Connection, case_ids: Iterable[str]) -> set[str]:
    """Mark the route clock of these locked cases as counted; returns those that were not yet."""
    rows = await connection.fetch(QUERIES["route_decide"], list(case_ids))
    return {row["case_id"] for row in rows}


async def unwatched(connection: db.Connection, most: int) -> list[str]:
    """Return cases in which time has no timer though it should do something."""
    return [row["case_id"] for row in await connection.fetch(QUERIES["cases_unwatched"], most)]


async def cases_of(connection: db.Connection, response_ids: Sequence[str]) -> dict[str, str]:
    """Return the case that each of these scores opened or joined."""
    rows = await connection.fetch(QUERIES["cases_of_scores"], list(response_ids))
    return {row["response_id"]: row["case_id"] for row in rows}


# --- what was said of resolutions, and why things went wrong --------------------------------------


@dataclass(frozen=True, slots=True)
class RecoveryAnswer:
    """What a customer said of how their case was put right."""

    response_id: str
    case_id: str
    cycle: int
    team: str
    root_cause: str | None
    band: str
    at: datetime


async def add_recovery(connection: db.Connection, answer: RecoveryAnswer) -> bool:
    """Keep the first answer of a response; False when it is known."""
    values = (
        answer.response_id,
        answer.case_id,
        answer.cycle,
        answer.team,
        answer.root_cause,
        answer.band,
        answer.at,
    )
    return await connection.fetchval(QUERIES["recovery_add"], *values) is not None


async def put_scores(connection: db.Connection, responses: Iterable[Response]) -> None:
    """Keep the newest score of each response, without words and without the customer."""
    newest = {each.response_id: each for each in sorted(responses, key=lambda each: each.at)}
    rows = [newest[response_id] for response_id in sorted(newest)]
    if not rows:
        return
    await connection.execute(
        QUERIES["scores_put"],
        [each.response_id for each in rows],
        [each.touchpoint for each in rows],
        [each.band for each in rows],
        [each.received_at for each in rows],
        [each.at for each in rows],
    )


async def put_causes(connection: db.Connection, events: Iterable[CaseEvent]) -> None:
    """Keep why each of these cases was opened, as it was said when it was resolved."""
    newest = {each.case_id: each for each in events}
    rows = [newest[case_id] for case_id in sorted(newest)]
    if not rows:
        return
    await connection.execute(
        QUERIES["causes_put"],
        [each.case_id for each in rows],
        [each.team for each in rows],
        [each.touchpoint for each in rows],
        [each.root_cause for each in rows],
        [each.at for each in rows],
    )


async def recovery_rates(
    connection: db.Connection, since: datetime, until: datetime
) -> list[db.Row]:
    """Return answers and agreements by team and root cause."""
    return list(await connection.fetch(QUERIES["recovery_rates"], since, until))


async def causes_counted(
    connection: db.Connection, start: datetime, since: datetime, until: datetime, team: str | None
) -> list[db.Row]:
    """Return how often each cause was given `since` then, and before that from `start` on."""
    return list(await connection.fetch(QUERIES["causes_counted"], start, since, until, team))


async def low_scores(
    connection: db.Connection, touchpoint: str, since: datetime, until: datetime
) -> tuple[int, int]:
    """Return how many scores a touchpoint got, and how many of them were low."""
    row = await connection.fetchrow(QUERIES["scores_between"], touchpoint, since, until)
    return (0, 0) if row is None else (row["answered"], row["low"])


async def put_fix(connection: db.Connection, root_cause: str, fix: Fixed, now: datetime) -> None:
    """Keep that a cause was put right on a day; said twice it is the same."""
    await connection.execute(
        QUERIES["fix_put"],
        root_cause,
        fix.touchpoint,
        fix.on,
        fix.team,
        fix.actor,
        fix.note,
        now,
    )


async def fixes(connection: db.Connection, root_cause: str | None) -> list[db.Row]:
    """Return what was put right, the latest first."""
    return list(await connection.fetch(QUERIES["fixes_list"], root_cause))
