"""What `ask` keeps of decisions, and of asks as they are planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from services.ask.model import DecisionId
from shared import db, sql
from shared.contracts.asks import Decision, Invitation
from shared.contracts.signals import Signal

QUERIES = sql.load(Path(__file__).parent / "queries.sql")


@dataclass(frozen=True, slots=True)
class Planned:
    """An invitation as it is planned, with what its sender must know."""

    invitation: Invitation
    useful_until: datetime
    answer_within: timedelta
    traceparent: str | None
    exempt: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """A moment that is judged from `due_at` on: after its delay, or when its hours open."""

    touchpoint: str
    signal: Signal
    due_at: datetime

    def plain(self) -> Mapping[str, str]:
        """Return it as JSON can say it, in the words of a decision."""
        return {
            "outcome": "waiting",
            "touchpoint": self.touchpoint,
            "customer_id": self.signal.customer_id,
            "signal": self.signal.signal,
            "source": self.signal.source,
            "source_event_id": self.signal.source_event_id,
            "occurred_at": self.signal.occurred_at.isoformat(),
            "due_at": self.due_at.isoformat(),
        }


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


async def waiting_of(
    connection: db.Connection, customer: str, signal: str | None, limit: int
) -> list[Waiting]:
    """Return what is not decided yet about a customer, the next first."""
    rows = await connection.fetch(QUERIES["waiting_of"], customer, signal, limit)
    found = ((row, Signal.model_validate(row["signal"])) for row in rows)
    return [
        Waiting(row["touchpoint"], signal, row["due_at"] or signal.occurred_at)
        for row, signal in found
    ]


async def add_invitations(connection: db.Connection, planned: Sequence[Planned]) -> None:
    """Plan asks, to be sent at once."""
    rows = [_planned_row(each) for each in planned]
    if rows:
        await connection.execute(QUERIES["add_invitations"], *_columns(rows))


async def withdraw(
    connection: db.Connection, wanted: Sequence[tuple[str, str, str, datetime]]
) -> list[Invitation]:
    """Take back asks that nobody has begun to send: by customer, touchpoint, correlation, and the
    time of what took their reason away."""
    if not wanted:
        return []
    rows = await connection.fetch(QUERIES["withdraw"], *_columns(wanted))
    return [Invitation.model_validate(row["body"]) for row in rows]


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
