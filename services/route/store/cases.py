"""Cases and routed responses as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.route import policy
from services.route.model import (
    Case,
    CaseKey,
    Facts,
    Heard,
    Opened,
)
from services.route.store.queries import QUERIES
from shared import db
from shared.contracts.cases import CaseEvent, CasePolicy, Deadline

CLOSED_STATES = frozenset({"closed", "closed_unconfirmed", "merged", "suppressed", "corrected"})

SNAPSHOT = {"at", "deadlines", "routing_path", "policy", "assignee", "reason", "root_cause"}


def _snapshot(event: CaseEvent) -> dict[str, Any]:
    # An object, since the driver takes a list in an array parameter for a dimension of that array.
    return event.model_dump(mode="json", include=SNAPSHOT)


async def move_cases(connection: db.Connection, events: Iterable[CaseEvent]) -> None:
    """Follow what `close` says; of one case the highest version counts, in whatever order."""
    newest: dict[str, CaseEvent] = {}
    first: dict[str, CaseEvent] = {}
    for event in sorted(events, key=lambda each: each.version):
        newest[event.case_id] = event
        if _cycle(event) == 1:
            first[event.case_id] = event
    rows = [newest[case_id] for case_id in sorted(newest)]
    # Those that end make room first: another case of the same customer may come back to life.
    for ended in (True, False):
        moved = [row for row in rows if (row.state in CLOSED_STATES) is ended]
        await _move(connection, moved, first)


def _cycle(event: CaseEvent) -> int:
    return max((each.cycle for each in event.deadlines), default=1)


async def _move(
    connection: db.Connection, events: Sequence[CaseEvent], first: Mapping[str, CaseEvent]
) -> None:
    if not events:
        return
    await connection.execute(
        QUERIES["cases_move"],
        [event.case_id for event in events],
        [event.customer_id for event in events],
        [event.touchpoint for event in events],
        [event.state for event in events],
        [event.state not in CLOSED_STATES for event in events],
        [event.version for event in events],
        [event.team for event in events],
        [event.priority for event in events],
        [event.opened_at for event in events],
        [_snapshot(event) for event in events],
        [_cycle(event) > 1 for event in events],
        [first.get(event.case_id) and _snapshot(first[event.case_id]) for event in events],
    )


async def facts(connection: db.Connection, heard: Sequence[Heard], now: datetime) -> Facts:
    """Load what the decisions about these responses need."""
    ids = [each.response.response_id for each in heard]
    known = await connection.fetch(QUERIES["responses_known"], ids)
    low = [each.response for each in heard if each.response.band == "low"]
    keys = {(response.customer_id, response.touchpoint) for response in low}
    return Facts(
        {row["response_id"]: row["case_id"] for row in known},
        await _open_cases(connection, keys),
        await _low_scores(connection, {customer for customer, _ in keys}, now),
    )


async def _low_scores(
    connection: db.Connection, customers: Iterable[str], now: datetime
) -> dict[str, int]:
    wanted = sorted(customers)
    if not wanted:
        return {}
    rows = await connection.fetch(QUERIES["scores_lately"], wanted, now - policy.LATELY)
    return {row["customer_id"]: row["scores"] for row in rows}


async def _open_cases(connection: db.Connection, keys: Iterable[CaseKey]) -> dict[CaseKey, Case]:
    pairs = sorted(keys)
    if not pairs:
        return {}
    rows = await connection.fetch(
        QUERIES["cases_open"], [customer for customer, _ in pairs], [point for _, point in pairs]
    )
    return {(row["customer_id"], row["touchpoint"]): _case(row) for row in rows}


def _case(row: db.Row) -> Case:
    fields = dict(row)
    snapshot = fields.pop("snapshot")
    return Case(
        **fields,
        deadlines=tuple(Deadline.model_validate(each) for each in snapshot["deadlines"]),
        routing_path=tuple(snapshot["routing_path"]),
        policy=_policy(snapshot.get("policy")),
    )


def _policy(stored: Mapping[str, Any] | None) -> CasePolicy | None:
    return None if stored is None else CasePolicy.model_validate(stored)


async def of_team(connection: db.Connection, team: str, since: datetime) -> list[db.Row]:
    """Return the cases of a team that are open or were opened since."""
    return await connection.fetch(QUERIES["cases_of_team"], team, since)


async def add_cases(connection: db.Connection, opened: Sequence[Opened]) -> None:
    """Write new cases; raises UniqueViolationError when another router opened one meanwhile."""
    events = [each.event for each in opened]
    await connection.execute(
        QUERIES["cases_add"],
        [event.case_id for event in events],
        [event.customer_id for event in events],
        [event.touchpoint for event in events],
        [event.state for event in events],
        [event.team for event in events],
        [event.priority for event in events],
        [event.opened_at for event in events],
        [_snapshot(event) for event in events],
    )


async def raise_cases(connection: db.Connection, raised: Mapping[str, str]) -> None:
    """Remember how urgent cases have become, whatever `close` still says; also in their alerts."""
    if raised:
        ids, priorities = list(raised), list(raised.values())
        await connection.execute(QUERIES["cases_raise"], ids, priorities)
        await connection.execute(QUERIES["deliveries_raise"], ids, priorities)


async def add_responses(
    connection: db.Connection, cases: Mapping[str, str | None], now: datetime
) -> None:
    """Remember completed responses and the case each opened or joined."""
    await connection.execute(QUERIES["responses_add"], list(cases), list(cases.values()), now)
