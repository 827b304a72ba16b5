"""The facts and decisions that asking reasons in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple, NewType, TypeAlias

from pydantic import JsonValue

from shared.contracts.asks import Invitation, Silence
from shared.contracts.base import Attribution
from shared.contracts.envelope import stable_id
from shared.contracts.signals import Signal

DecisionId = NewType("DecisionId", str)
Pair = tuple[str, str]
"""(touchpoint, correlation) of an ask."""

EventKey = tuple[str, str]
"""(source, id within it) of a signal."""

RESPONSE = "response"
CASE_RESOLVED = "touchback.case.resolved"
CASE_REOPENED = "touchback.case.reopened"
"""What is heard besides the signals of sources, under names like theirs."""

NOTICE = "touchback.notice"
"""Stands in the place of a survey where a customer is told something, and not asked."""

DECIDE = "decide"
"""The kind of timer that comes back to a waiting moment; its ref begins with the decision's id."""

NOTHING_FOUND: Mapping[str, JsonValue] = MappingProxyType({})
"""What a trigger found that needs no evidence."""

OptOuts = frozenset[str | None]
"""The touchpoints that a customer does not want to be asked about; None is all of them."""

Rung = Literal["prospect", "customer", "satisfied", "loyal", "advocate"]
"""How far a customer has come, from the lowest step of the ladder to the highest."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact card; `email`, `phone` and `name` are encrypted tokens."""

    email: str | None = None
    phone: str | None = None
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    account_zone: str | None = None
    segment: str | None = None
    value: float | None = None
    consent: str | None = None
    consent_source: str | None = None
    consent_at: str | None = None
    rung: Rung = "prospect"

    def profile(self) -> Mapping[str, str | float | None]:
        """Return what rules may know of a customer: never an address or a name."""
        return {
            "segment": self.segment,
            "locale": self.locale,
            "time_zone": self.time_zone,
            "value": self.value or 0.0,
            "rung": self.rung,
        }

    def told(self) -> dict[str, JsonValue]:
        """Return what goes along with a decision, so that others may route by it."""
        known = {"segment": self.segment, "value": self.value, "rung": self.rung}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class History:
    """What a customer was asked before; failed asks never reached anyone and are not in it.

    `last_contact` is the last accepted send, or one that may have been accepted. `pending` says
    that an ask is on its way, whose time is not known yet. Neither knows of recovery questions.
    `sent` and `answered` are the last accepted send and the last answer by touchpoint.
    """

    last_contact: datetime | None = None
    pending: bool = False
    asked: frozenset[Pair] = frozenset()
    sent: Mapping[str, datetime] = field(default_factory=dict)
    answered: Mapping[str, datetime] = field(default_factory=dict)

    def after_ask(self, touchpoint: str, correlation: str | None) -> History:
        """Return the history once one more ask is on its way."""
        asked = self.asked | {(touchpoint, correlation)} if correlation else self.asked
        return History(self.last_contact, True, asked, self.sent, self.answered)


class Candidate(NamedTuple):
    """A signal that matched a touchpoint, with everything that was frozen at event time.

    `due_at` is when it may be judged at the earliest. `evidence` is what the trigger found.
    """

    decision_id: DecisionId
    touchpoint: str
    signal: Signal
    attribution: Attribution
    due_at: datetime
    evidence: Mapping[str, JsonValue] = NOTHING_FOUND
    traceparent: str | None = None

    @property
    def event_key(self) -> str:
        """The same for an event however often and wherever it arrives."""
        return f"{self.signal.source}/{self.signal.source_event_id}"

    def put_off(self, due_at: datetime) -> Candidate:
        """Return it as it waits on."""
        return self._replace(due_at=due_at)


class Seen(NamedTuple):
    """A signal that was heard before. `counts_for` are the touchpoints that count it; only then
    is the signal itself kept."""

    name: str
    at: datetime
    correlation: str | None
    key: EventKey
    counts_for: frozenset[str] = frozenset()
    signal: Signal | None = None
    traceparent: str | None = None


@dataclass(slots=True)
class Person:
    """All that is known of one customer, as a store gives it and as deciding brings it forward."""

    customer_id: str
    contact: Contact = field(default_factory=Contact)
    opt_outs: OptOuts = frozenset()
    history: History = field(default_factory=History)
    open_cases: frozenset[str] = frozenset()
    seen: list[Seen] = field(default_factory=list)
    waiting: dict[DecisionId, Candidate] = field(default_factory=dict)


class Facts(NamedTuple):
    """All that a decision looks at, besides policy and time.

    `cancelled_by` is the first signal that takes the reason to ask away, `came` the first of those
    whose absence is meant, `rival` another ask of the same hold window that goes before this one.
    """

    candidate: Candidate
    contact: Contact
    history: History
    opt_outs: OptOuts = frozenset()
    open_cases: frozenset[str] = frozenset()
    cancelled_by: Seen | None = None
    came: Seen | None = None
    rival: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask now, over this channel."""

    channel: str


@dataclass(frozen=True, slots=True)
class Act:
    """Open a case, or tell somebody, without asking; `channel` is set where a customer is told."""

    what: Literal["case", "notify"]
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Silent:
    """Never ask about this moment, for this reason; `problem` is what broke a rule."""

    reason: Silence
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """Not due yet: nothing is decided before `due_at`."""

    due_at: datetime


Decision: TypeAlias = Ask | Act | Silent | Later


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule could not be answered; `problem` says why."""

    problem: str


@dataclass(frozen=True, slots=True)
class Sending:
    """An invitation that this process, and no other, may send now; `fence` proves it.

    `tried` are channels that refused it; `exempt` says that no cap concerns it; `reminds` that it
    was sent, at `sent_at`, and this is its reminder. `sent_to` is the address it went to first,
    encrypted.
    """

    invitation: Invitation
    fence: int
    attempts: int
    useful_until: datetime
    answer_within: timedelta
    traceparent: str | None = None
    channel: str = "email"
    tried: tuple[str, ...] = ()
    exempt: bool = False
    reminds: bool = False
    sent_at: datetime | None = None
    sent_to: str | None = None

    @property
    def tells(self) -> bool:
        """Whether it is a notice: nobody but its customer hears of it."""
        return self.invitation.survey == NOTICE

    @property
    def deadline(self) -> datetime:
        """When it is too late for it."""
        return self.invitation.expires_at if self.reminds else self.useful_until

    def as_sent(self, now: datetime) -> Invitation:
        """Return the invitation as it is once it was sent; a reminder gives it no more time."""
        if self.reminds:
            return self.invitation
        update = {"at": now, "expires_at": now + self.answer_within}
        return self.invitation.model_copy(update=update)


def stopped_by(opt_outs: OptOuts, touchpoint: str) -> str | None:
    """Return which wish not to be asked covers a touchpoint: `everything`, or its own name."""
    if None in opt_outs:
        return "everything"
    return touchpoint if touchpoint in opt_outs else None


def decision_id(signal: Signal, touchpoint: str) -> DecisionId:
    """Return the id of the one decision about a signal at a touchpoint."""
    parts = (signal.source, signal.source_event_id, signal.signal, touchpoint)
    return DecisionId(stable_id("decision", *parts))
