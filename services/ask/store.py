"""What `ask` keeps: contact cards, decisions, and invitations on their way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

from services.ask.model import (
    CONTACT_FIELDS,
    Contact,
    DecisionId,
    OptOuts,
    Sending,
)
from shared import db, sql
from shared.contracts.asks import Decision, Invitation
from shared.contracts.responses import OptOut
from shared.contracts.signals import Profile

QUERIES = sql.load(Path(__file__).parent / "queries.sql")


@dataclass(frozen=True, slots=True)
class Planned:
    """An invitation as it is planned, with what its sender must know."""

    invitation: Invitation
    useful_until: datetime
    answer_within: timedelta
    traceparent: str | None
    exempt: bool = False


async def save_profiles(connection: db.Connection, profiles: Iterable[Profile]) -> None:
    """Bring contact cards up to date, field by field."""
    newest: dict[tuple[str, str], tuple[str, datetime]] = {}
    for profile in profiles:
        for name in CONTACT_FIELDS:
            value, key = getattr(profile, name), (profile.customer_id, name)
            if value is not None and (key not in newest or newest[key][1] <= profile.updated_at):
                newest[key] = (value, profile.updated_at)
    rows = [(*key, *value) for key, value in sorted(newest.items())]
    if rows:
        await connection.execute(QUERIES["save_contacts"], *_columns(rows))


async def contacts(connection: db.Connection, customers: Sequence[str]) -> dict[str, Contact]:
    """Return the contact cards there are."""
    rows = await connection.fetch(QUERIES["contacts"], customers)
    known = {field.name for field in fields(Contact)}
    return {
        row["customer_id"]: Contact(**{k: v for k, v in row["card"].items() if k in known})
        for row in rows
    }


async def save_opt_outs(connection: db.Connection, opt_outs: Iterable[OptOut]) -> None:
    """Remember who does not want to be asked any more."""
    rows: list[tuple[object, ...]] = [
        (each.customer_id, each.touchpoint, each.invitation_id, each.at) for each in opt_outs
    ]
    if rows:
        await connection.execute(QUERIES["add_opt_outs"], *_columns(rows))


async def opt_outs(connection: db.Connection, customers: Sequence[str]) -> dict[str, OptOuts]:
    """Return what these customers do not want to be asked about."""
    found: defaultdict[str, set[str | None]] = defaultdict(set)
    for row in await connection.fetch(QUERIES["opt_outs"], customers):
        found[row["customer_id"]].add(row["touchpoint"])
    return {customer: frozenset(touchpoints) for customer, touchpoints in found.items()}


async def known_decisions(connection: db.Connection, ids: Sequence[DecisionId]) -> set[DecisionId]:
    """Return those that were taken already, or that wait for their time."""
    rows = await connection.fetch(QUERIES["known_decisions"], ids)
    return {DecisionId(str(row["decision_id"])) for row in rows}


async def add_decisions(connection: db.Connection, decisions: Sequence[Decision]) -> None:
    """Keep decisions; a second one about the same event and touchpoint is refused."""
    rows = [
        (
            each.decision_id,
            each.source,
            each.source_event_id,
            each.signal,
            each.touchpoint,
            each.customer_id,
            each.outcome,
            each.silence,
            each.decided_at,
            each.model_dump(mode="json"),
        )
        for each in decisions
    ]
    if rows:
        await connection.execute(QUERIES["add_decisions"], *_columns(rows))


async def decisions_of(
    connection: db.Connection, customer: str, signal: str | None, limit: int
) -> list[Decision]:
    """Return decisions about a customer, newest first."""
    rows = await connection.fetch(QUERIES["decisions_of"], customer, signal, limit)
    return [Decision.model_validate(row["body"]) for row in rows]


async def add_invitations(connection: db.Connection, planned: Sequence[Planned]) -> None:
    """Plan asks, to be sent at once."""
    rows = [_planned_row(each) for each in planned]
    if rows:
        await connection.execute(QUERIES["add_invitations"], *_columns(rows))


async def claim_invitation(
    connection: db.Connection, now: datetime, lease_until: datetime
) -> Sending | None:
    """Take the oldest ask that may go out now; None when there is none."""
    row = await connection.fetchrow(QUERIES["claim_invitation"], now, lease_until)
    if row is None:
        return None
    return Sending(
        invitation=Invitation.model_validate(row["body"]),
        fence=row["fence"],
        attempts=row["attempts"],
        useful_until=row["useful_until"],
        answer_within=row["answer_within"],
        traceparent=row["traceparent"],
    )


async def withdraw(
    connection: db.Connection, wanted: Sequence[tuple[str, str, str, datetime]]
) -> list[Invitation]:
    """Take back asks that nobody has begun to send: by customer, touchpoint, correlation, and the
    time of what took their reason away."""
    if not wanted:
        return []
    rows = await connection.fetch(QUERIES["withdraw"], *_columns(wanted))
    return [Invitation.model_validate(row["body"]) for row in rows]


async def mark_sent(
    connection: db.Connection, sending: Sending, invitation: Invitation, now: datetime
) -> bool:
    """Write down that it was accepted; False when someone wrote down another outcome."""
    body = invitation.model_dump(mode="json")
    return await _marked(connection, "mark_sent", sending, now, body)


async def mark_failed(connection: db.Connection, sending: Sending, invitation: Invitation) -> bool:
    """Write down that it will never be sent; False when someone wrote down another outcome."""
    body = invitation.model_dump(mode="json")
    return await _marked(connection, "mark_failed", sending, body)


async def mark_planned(connection: db.Connection, sending: Sending, next_at: datetime) -> None:
    """Give it back, to be tried again."""
    await _marked(connection, "mark_planned", sending, next_at)


async def mark_unknown(connection: db.Connection, sending: Sending) -> bool:
    """Write down that nobody knows whether it was accepted."""
    return await _marked(connection, "mark_unknown", sending)


async def expire_leases(connection: db.Connection, now: datetime) -> list[tuple[str, str]]:
    """Make asks unknown whose sender died; returns their ids and channels."""
    rows = await connection.fetch(QUERIES["expire_leases"], now)
    return [(str(row["invitation_id"]), row["channel"]) for row in rows]


async def next_work(connection: db.Connection) -> datetime | None:
    """Return when the sender has something to do next."""
    at: datetime | None = await connection.fetchval(QUERIES["next_work"])
    return at


async def _marked(connection: db.Connection, query: str, sending: Sending, *values: object) -> bool:
    key = (sending.invitation.invitation_id, sending.fence)
    return await connection.fetchval(QUERIES[query], *key, *values) is not None


def _planned_row(planned: Planned) -> tuple[object, ...]:
    invitation = planned.invitation
    return (
        invitation.invitation_id,
        invitation.decision_id,
        invitation.customer_id,
        invitation.touchpoint,
        # A case may be resolved, and asked about, more than once.
        None if planned.exempt else invitation.correlation,
        invitation.channel,
        invitation.at,
        planned.useful_until,
        planned.answer_within,
        invitation.model_dump(mode="json"),
        planned.traceparent,
        planned.exempt,
    )


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
