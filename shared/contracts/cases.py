"""The life of a case, and the alerts about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

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


def warned_at(clock: Clock, share: float) -> str:
    """Return the reason of a `warned` event: this share of the clock's target is used up."""
    return f"{clock}_at_{round(share * 100)}"


NOT_TAKEN = warned_at("acknowledge", 0.8)
"""The warning that a team hears of: nobody has taken the case, and most of the time is over."""


class CaseScore(Message):
    """The low score that opened or joined a case.

    Where `source` is `signal` nobody gave it: an event, or urgent words without a score, stand for
    the worst of efforts, and it is shown to nobody and enters no figure. `response_id` is the
    decision's or the feedback's where it is not a response. `at` is when it was said so: an
    earlier word of the same response changes nothing any more.
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
    at: Moment | None = None
    source: Literal["response", "signal", "feedback"] = "response"
    reasons: tuple[str, ...] = ()
    effort: int | None = None
    contact_wanted: bool = False


def chosen(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was answered beside score and comment as a case's score has it.

    Answers come from tools too: what is not understood is left out.
    """
    listed, effort = answers.get("reasons"), answers.get("effort")
    names = listed if isinstance(listed, (list, tuple)) else ()
    said = isinstance(effort, int) and not isinstance(effort, bool) and 1 <= effort <= 5
    return {
        "reasons": tuple(each[:128] for each in names if isinstance(each, str) and each)[:8],
        "effort": effort if said else None,
        "contact_wanted": answers.get("contact_wanted") is True,
    }


class Deadline(Message):
    """When a clock of a case runs out; `met_at` is set once it was stopped in time or late.

    `measure` says which time the target counts in: by the team's calendar, or all of it. While
    `paused_at` is set the clock stands; `used_seconds` had been counted by the time it last went on
    (`resumed_at`, or `started_at` before any pause). `told` counts the warnings and escalations
    that are behind it. What it took, in both measures, is known once it was met.
    """

    clock: Clock
    due_at: Moment
    target_seconds: int = Field(gt=0)
    met_at: Moment | None = None
    breached: bool = False
    measure: Literal["wall", "business"] = "wall"
    cycle: int = Field(default=1, ge=1)
    started_at: Moment | None = None
    paused_at: Moment | None = None
    resumed_at: Moment | None = None
    used_seconds: float = Field(default=0, ge=0)
    told: int = Field(default=0, ge=0)
    wall_seconds: float | None = None
    business_seconds: float | None = None


class EscalationAt(Message):
    """Another team is told when this share of a clock's target has passed: 1.0 is the target.

    It is told `repeat` times more, each a target's length later. With `skip_if_empty` the next one
    is told instead while nobody of the team is at work.
    """

    at: float
    team: Name
    repeat: int = Field(default=0, ge=0, le=5)
    skip_if_empty: bool = True


class CasePolicy(Message):
    """By which rules the case is worked on: the owning team's, as they stood when it was opened.

    `hours` are the open spans of each weekday (`mon` to `sun`) as pairs of `HH:MM`; without any
    the team works around the clock. `holidays` is a country code. `fallback` is told at last.
    A customer is waited for no longer than `waiting_seconds`; `quiet_seconds` after the resolution
    without a word the case is closed unconfirmed.
    """

    time_zone: str = "UTC"
    hours: dict[str, tuple[tuple[str, str], ...]] = Field(default_factory=dict)
    holidays: str | None = None
    escalation: tuple[EscalationAt, ...] = ()
    fallback: Name
    waiting_seconds: int = Field(default=3 * 86400, gt=0)
    quiet_seconds: int = Field(default=7 * 86400, gt=0)


class CaseEvent(Message):
    """One change of a case; every event carries what a reader needs to show the case.

    `version` rises by one with each event of a case. `actor` is `route`, `close`, or the person.
    `state` is the state after the event; `previous` the one before it, None for a new case.
    `acted_version` is the newest version that changed state, team or assignee: whoever saw that
    one or a later one may act. `escalated_to` is the team that an `escalated` event tells besides
    the owner. `waiting_until` is when a case that waits for its customer comes back by itself.
    `routing_path` are the positions of the matched routes in the tree at the time, as a snapshot.
    `raised_from` stands in a `case.attached` of the router when the further score is more urgent
    than the case was: `priority` is the new one then, and `deadlines` are those of the new
    priority, counted from that score. For a clock still running the earlier deadline holds.
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
    acted_version: int = Field(default=1, ge=1)
    escalated_to: Name | None = None
    waiting_until: Moment | None = None
    merged_into: str | None = None
    raised_from: Name | None = None
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
