"""What `ask` says: decisions and the life of an invitation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from shared.contracts.base import Attribution, CustomerId, Message, Moment, Name

Outcome = Literal["ask", "silent", "case", "notify"]

Silence = Literal[
    "opted_out",
    "no_consent",
    "no_address",
    "cap_person",
    "cap_touchpoint",
    "cap_answered",
    "sampled_out",
    "holdout",
    "outranked",
    "quiet_hours_expired",
    "cancelled",
    "stale_event",
    "open_case",
    "duplicate",
    "not_eligible",
    "rule_error",
]
"""Every reason not to ask. The same word stands in log, metric label, row and page."""


class RuleTrace(Message):
    """One rule as it ran: what it compared and what came of it."""

    rule: Name
    verdict: Literal["passed", "stopped", "not_run"]
    compared: dict[str, JsonValue] = Field(default_factory=dict)


class Decision(Message):
    """What became of one signal at one touchpoint; there is exactly one, also after replays.

    `silence` is set when and only when the outcome is `silent`. `probability` is the chance with
    which this touchpoint's moments are let through by what is drawn, 0 to 1: the share of customers
    not held out, times the sample. To speak of all, weight each answer by its inverse.
    `next_possible_at` is the earliest moment at which the caps would let this customer be asked at
    this touchpoint, where caps were the reason. `attributes` are those of the signal, with
    `segment`, `value` and `rung` of the contact card as it was then where the signal has none such;
    `notify` says who is told when the outcome is `notify`, in the words of its `notice`.
    """

    decision_id: str
    touchpoint: Name
    customer_id: CustomerId
    signal: Name
    source: Name
    source_event_id: str
    occurred_at: Moment
    decided_at: Moment
    outcome: Outcome
    silence: Silence | None = None
    rules: tuple[RuleTrace, ...] = ()
    catalog_version: str
    probability: float = Field(default=1.0, ge=0, le=1)
    attribution: Attribution = Attribution()
    correlation: str | None = None
    invitation_id: str | None = None
    next_possible_at: Moment | None = None
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    notify: Literal["customer", "team"] | None = None


class Invitation(Message):
    """An ask on its way: the same body for each of its events, the newest state whole.

    `survey_url` holds a signed token and no personal data. `failure` is set on `failed`. `expired`
    is said once, when `expires_at` of what was sent has passed without an answer.
    """

    invitation_id: str
    decision_id: str
    touchpoint: Name
    survey: Name
    customer_id: CustomerId
    channel: Name
    language: str | None = None
    survey_url: str
    occurred_at: Moment
    expires_at: Moment
    at: Moment
    attribution: Attribution = Attribution()
    correlation: str | None = None
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    failure: str | None = None
