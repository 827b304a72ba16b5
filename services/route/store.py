"""Cases, routed responses and deliveries as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from services.route.model import Case, CaseKey, Delivery, Facts, Heard, Opened, Round
from shared import db, sql
from shared.contracts.cases import CaseEvent, Deadline

QUERIES = sql.load(Path(__file__).parent / "queries.sql")
CLOSED_STATES = frozenset({"closed", "closed_unconfirmed", "merged", "suppressed", "corrected"})


def _snapshot(event: CaseEvent) -> dict[str, Any]:
    # An object, since the driver takes a list in an array parameter for a dimension of that array.
    return event.model_dump(mode="json", include={"deadlines", "routing_path"})


async def move_cases(connection: db.Connection, events: Iterable[CaseEvent]) -> None:
    """Follow what `close` says; of one case the highest version counts, in whatever order."""
    newest: dict[str, CaseEvent] = {}
    for event in events:
        known = newest.get(event.case_id)
        if known is None or event.version > known.version:
            newest[event.case_id] = event
    rows = [newest[case_id] for case_id in sorted(newest)]
    # Those that end make room first: another case of the same customer may come back to life.
    for ended in (True, False):
        await _move(connection, [row for row in rows if (row.state in CLOSED_STATES) is ended])


async def _move(connection: db.Connection, events: Sequence[CaseEvent]) -> None:
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
    )


async def facts(connection: db.Connection, heard: Sequence[Heard]) -> Facts:
    """Load what the decisions about these responses need."""
    ids = [each.response.response_id for each in heard]
    known = await connection.fetch(QUERIES["responses_known"], ids)
    low = [each.response for each in heard if each.response.band == "low"]
    keys = {(response.customer_id, response.touchpoint) for response in low}
    return Facts(
        {row["response_id"]: row["case_id"] for row in known},
        await _open_cases(connection, keys),
    )


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
    )


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


async def add_responses(
    connection: db.Connection, cases: Mapping[str, str | None], now: datetime
) -> None:
    """Remember completed responses and the case each opened or joined."""
    await connection.execute(QUERIES["responses_add"], list(cases), list(cases.values()), now)


async def add_deliveries(
    connection: db.Connection, given: Sequence[Delivery], now: datetime
) -> list[Delivery]:
    """Owe these alerts, from now on; returns those that were not owed before, each once."""
    alerts = list({alert.alert_id: alert for alert in given}.values())
    if not alerts:
        return []
    rows = await connection.fetch(
        QUERIES["deliveries_add"],
        [alert.alert_id for alert in alerts],
        [alert.case_id for alert in alerts],
        [alert.response_id for alert in alerts],
        [alert.customer_id for alert in alerts],
        [alert.touchpoint for alert in alerts],
        [alert.team for alert in alerts],
        [alert.priority for alert in alerts],
        [alert.channel for alert in alerts],
        [alert.kind for alert in alerts],
        [alert.endpoint for alert in alerts],
        [dict(alert.notice) for alert in alerts],
        [alert.received_at for alert in alerts],
        [alert.traceparent for alert in alerts],
        now,
    )
    added = {row["alert_id"] for row in rows}
    return [alert for alert in alerts if alert.alert_id in added]


async def claim(
    connection: db.Connection,
    now: datetime,
    lease_until: datetime,
    rooms: Mapping[str, int],
    limit: int,
    per_endpoint: int,
) -> list[Delivery]:
    """Lease due alerts. `rooms` says how many more an endpoint takes where it is not the usual."""
    rows = await connection.fetch(
        QUERIES["deliveries_claim"],
        now,
        lease_until,
        list(rooms),
        list(rooms.values()),
        limit,
        per_endpoint,
    )
    return [Delivery(**dict(row)) for row in rows]


async def settle(connection: db.Connection, rows: Sequence[tuple[object, ...]]) -> set[str]:
    """Write down attempts as (alert, fence, state, next_at, failure, delivered_at).

    Returns the alerts whose lease still held.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await connection.fetch(QUERIES["deliveries_settle"], *columns)
    return {row["alert_id"] for row in found}


async def hold_cases(connection: db.Connection, case_ids: Iterable[str]) -> None:
    """Keep others from ending alerts of these cases until this transaction is over."""
    await connection.execute(QUERIES["cases_hold"], list(case_ids))


async def unheard(
    connection: db.Connection, rounds: Iterable[Round]
) -> dict[Round, frozenset[str]]:
    """Return those of these that no channel accepted nor still may, with the endpoints tried.

    The cases must be held.
    """
    pairs = list(rounds)
    rows = await connection.fetch(
        QUERIES["deliveries_unheard"],
        [case_id for case_id, _ in pairs],
        [response_id for _, response_id in pairs],
    )
    return {(row["case_id"], row["response_id"]): frozenset(row["tried"]) for row in rows}


async def mark_routed(
    connection: db.Connection, case_ids: Iterable[str], now: datetime
) -> set[str]:
    """Mark that a channel accepted the case; returns the cases for which it was the first one."""
    rows = await connection.fetch(QUERIES["cases_routed"], list(case_ids), now)
    return {row["case_id"] for row in rows}


async def alerts(
    connection: db.Connection, case_id: str | None, state: str | None, limit: int
) -> list[db.Row]:
    """Return deliveries, newest first."""
    return await connection.fetch(QUERIES["alerts_list"], case_id, state, limit)
