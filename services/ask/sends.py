"""What `ask` keeps of asks on their way out, and of what else reached the same customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from services.ask.model import Sending
from services.ask.policy import FIELDS
from shared import db, sql
from shared.contracts.asks import Invitation

QUERIES = sql.load(Path(__file__).parent / "sends.sql")


async def claim(
    connection: db.Connection, channel: str, now: datetime, lease_until: datetime
) -> Sending | None:
    """Take the oldest ask or reminder that may leave by this channel now; None when none may."""
    keys = (channel, now, lease_until, FIELDS.get(channel))
    row = await connection.fetchrow(QUERIES["claim"], *keys)
    return _sending(row) if row else None


async def mark_sent(
    connection: db.Connection,
    sending: Sending,
    invitation: Invitation,
    now: datetime,
    remind_at: datetime | None,
    answer_until: datetime | None,
) -> bool:
    """Write down that it was accepted; False when someone wrote down another outcome."""
    body = invitation.model_dump(mode="json")
    return await _marked(connection, "sent", sending, now, body, remind_at, answer_until)


async def mark_failed(connection: db.Connection, sending: Sending, invitation: Invitation) -> bool:
    """Write down that it will never be sent; False when someone wrote down another outcome."""
    return await _marked(connection, "failed", sending, invitation.model_dump(mode="json"))


async def mark_again(
    connection: db.Connection, sending: Sending, channel: str, tried: Sequence[str], at: datetime
) -> bool:
    """Give it back, to be tried again at that time over that channel."""
    body = sending.invitation.model_copy(update={"channel": channel}).model_dump(mode="json")
    return await _marked(connection, "again", sending, at, channel, list(tried), body)


async def mark_unknown(connection: db.Connection, sending: Sending) -> bool:
    """Write down that nobody knows whether it was accepted."""
    return await _marked(connection, "unknown", sending)


async def mark_reminded(
    connection: db.Connection, sending: Sending, state: str, at: datetime | None = None
) -> bool:
    """Write down what became of a reminder; with a time, it is tried again then."""
    return await _marked(connection, "reminded", sending, state, at)


async def expire(
    connection: db.Connection, now: datetime, repeatable: Sequence[str]
) -> list[tuple[str, str]]:
    """Take asks from senders that died; returns id and channel of those that nobody knows of.

    A reminder of theirs is let go: its ask was sent, and is no lost one.
    """
    rows = await connection.fetch(QUERIES["expire"], now, list(repeatable))
    return [
        (str(row["invitation_id"]), row["channel"]) for row in rows if row["state"] == "unknown"
    ]


@dataclass(frozen=True, slots=True)
class Unknown:
    """An ask, or its reminder, of which nobody knows whether it was sent."""

    invitation_id: UUID
    customer_id: str
    touchpoint: str
    channel: str
    reminder: bool
    at: datetime | None


async def unknown(connection: db.Connection, most: int) -> list[Unknown]:
    """Return what nobody knows of, the newest first."""
    return [Unknown(**row) for row in await connection.fetch(QUERIES["unknown_ones"], most)]


async def mark_answered(connection: db.Connection, answers: Mapping[UUID, datetime]) -> None:
    """Write down when asks were answered; the first answer to each stands."""
    if answers:
        ids = sorted(answers)
        await connection.execute(QUERIES["answered"], ids, [answers[id] for id in ids])


async def unanswered(connection: db.Connection, before: datetime, most: int) -> list[Invitation]:
    """Take asks whose answer was awaited until then and did not come, each once."""
    rows = await connection.fetch(QUERIES["unanswered"], before, most)
    return [Invitation.model_validate(row["body"]) for row in rows]


async def next_work(connection: db.Connection, channel: str) -> datetime | None:
    """Return when there is something to do next."""
    at: datetime | None = await connection.fetchval(QUERIES["next_work"], channel)
    return at


async def take_token(
    connection: db.Connection, channel: str, per_minute: int, now: datetime
) -> bool:
    """Take one of a channel's tokens; False when none is left."""
    taken = await connection.fetchval(QUERIES["take_token"], channel, float(per_minute), now)
    return taken is not None


async def other_contact(connection: db.Connection, sending: Sending) -> datetime | None:
    """Return when anything else reached the customer since this ask was planned."""
    invitation = sending.invitation
    keys = (invitation.customer_id, invitation.invitation_id, invitation.at)
    at: datetime | None = await connection.fetchval(QUERIES["other_contact"], *keys)
    return at


async def settled(
    connection: db.Connection, sending: Sending, cancel_on: Sequence[str]
) -> str | None:
    """Return what makes a message needless: a cancelling event, an open case; for a reminder also
    an answer."""
    asked = sending.invitation
    questions: list[tuple[str, tuple[object, ...]]] = [
        ("cancelled_since", (asked.customer_id, asked.correlation, cancel_on, asked.occurred_at))
    ]
    if sending.reminds or not sending.exempt:
        questions.append(("open_case", (asked.customer_id,)))
    if sending.reminds:
        since = sending.sent_at or asked.at
        questions.append(("answered_since", (asked.customer_id, asked.touchpoint, since)))
    for name, values in questions:
        if await connection.fetchval(QUERIES[name], *values):
            return name
    return None


async def add_spend(connection: db.Connection, customer: str, sender: str, now: datetime) -> None:
    """Write down that another sender writes to the customer now."""
    await connection.execute(QUERIES["add_spend"], customer, sender, now)


async def invitation(connection: db.Connection, id: str) -> tuple[Sending, str] | None:
    """Return an ask and its state, locked; None when there is none."""
    row = await connection.fetchrow(QUERIES["invitation"], id)
    return (_sending(row), row["state"]) if row else None


async def add_report(
    connection: db.Connection, id: str, outcome: str, channel: str, at: datetime
) -> bool:
    """Keep what a provider reported; False when it said so before."""
    values = (id, outcome, channel, at)
    return await connection.fetchval(QUERIES["delivery_add"], *values) is not None


async def mark_bounced(
    connection: db.Connection,
    sending: Sending,
    state: str,
    invitation: Invitation,
    tried: Sequence[str],
    at: datetime,
) -> None:
    """Write down that an accepted ask reached nobody after all."""
    body = invitation.model_dump(mode="json")
    values = (state, invitation.channel, list(tried), at, body)
    await connection.execute(QUERIES["bounced"], invitation.invitation_id, *values)


async def _marked(connection: db.Connection, query: str, sending: Sending, *values: object) -> bool:
    key = (sending.invitation.invitation_id, sending.fence)
    return await connection.fetchval(QUERIES[query], *key, *values) is not None


def _sending(row: db.Row) -> Sending:
    return Sending(
        invitation=Invitation.model_validate(row["body"]),
        fence=row["fence"],
        attempts=row["attempts"],
        useful_until=row["useful_until"],
        answer_within=row["answer_within"],
        traceparent=row["traceparent"],
        channel=row["channel"],
        tried=tuple(row["tried"]),
        exempt=row["exempt"],
        reminds=row["reminds"],
        sent_at=row["sent_at"],
        sent_to=row["sent_to"],
    )
