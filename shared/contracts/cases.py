"""The life of a case, and the alerts about it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.contracts.base import (
    Attributes,
    Attribution,
    Band,
    CustomerId,
    Message,
    Metric,
    Moment,
    Name,
    Stage,
)

CaseState = Literal[
    "new",
    "assigned",
    "acknowledged",
    "contacted",
    "waiting_customer",
    "resolved",
    "closed",
    "closed_unconfirmed",
    "merged",
    "suppressed",
    "corrected",
]

Clock = Literal["route", "acknowledge", "contact", "resolve", "confirm"]


class CaseScore(Message):
    """The low score that opened or joined a case.

    Where `source` is `signal` nobody gave it: an event, or urgent words without a score, stand for
    the worst of efforts, and it is shown to nobody and enters no figure. `response_id` is the
    decision's or the feedback's where it is not a response.
    """

    response_id: str
    metric: Metric
    survey: Name
    score: int
    band: Band
    comment: str | None = None
    language: str | None = None
    channel: Name
    received_at: Moment
    source: Literal["response", "signal", "feedback"] = "response"


class Deadline(Message):
    """When a clock of a case runs out; `met_at` is set once it was stopped in time or late."""

    clock: Clock
    due_at: Moment
    target_seconds: int = Field(gt=0)
    met_at: Moment | None = None
    breached: bool = False


class EscalationAt(Message):
    """Another team is told when this share of a clock's target has passed: 1.0 is the target."""

    at: float
    team: Name


class CasePolicy(Message):
    """By which rules the case is worked on: the owning team's, as they stood when it was opened.

    `hours` are the open spans of each weekday (`mon` to `sun`) as pairs of `HH:MM`; without any
    the team works around the clock. `holidays` is a country code. `fallback` is told at last.
    """

    time_zone: str = "UTC"
    hours: dict[str, tuple[tuple[str, str], ...]] = Field(default_factory=dict)
    holidays: str | None = None
    escalation: tuple[EscalationAt, ...] = ()
    fallback: Name


class CaseEvent(Message):
    """One change of a case; every event carries what a reader needs to show the case.

    `version` rises by one with each event of a case. `actor` is `route`, `close`, or the person.
    `state` is the state after the event; `previous` the one before it, None for a new case.
    `escalated_to` is the team that an `escalated` event tells besides the owner.
    `routing_path` are the positions of the matched routes in the tree at the time, as a snapshot.
    """

    case_id: str
    version: int = Field(ge=1)
    at: Moment
    actor: Name
    reason: str
    previous: CaseState | None = None
    state: CaseState
    customer_id: CustomerId
    touchpoint: Name
    team: Name
    priority: Name
    opened_at: Moment
    score: CaseScore
    assignee: str | None = None
    escalated_to: Name | None = None
    stage: Stage | None = None
    correlation: str | None = None
    attribution: Attribution = Attribution()
    attributes: Attributes = Field(default_factory=dict)
    deadlines: tuple[Deadline, ...] = ()
    routing_path: tuple[str, ...] = ()
    policy: CasePolicy | None = None
    catalog_version: str
    contact_how: str | None = None
    contact_outcome: str | None = None
    root_cause: str | None = None
    action: str | None = None
    outcome: str | None = None
    note: str | None = None


class Alert(Message):
    """One alert to one channel of one team: queued, delivered, failed or exhausted.

    `alert_id` stays the same over all attempts: receivers recognise repeats by it.
    """

    alert_id: str
    case_id: str
    customer_id: CustomerId
    touchpoint: Name
    team: Name
    priority: Name
    channel: Name
    kind: Name
    attempt: int = Field(ge=0)
    at: Moment
    response_received_at: Moment
    failure: str | None = None
