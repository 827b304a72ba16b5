"""The facts and decisions that asking reasons in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NewType, TypeAlias

from shared.contracts.asks import Invitation, RuleTrace, Silence
from shared.contracts.base import Attribution
from shared.contracts.envelope import stable_id
from shared.contracts.signals import Signal

DecisionId = NewType("DecisionId", str)
Pair = tuple[str, str]
"""(touchpoint, correlation) of an ask."""

OptOuts = frozenset[str | None]
"""The touchpoints that a customer does not want to be asked about; None is all of them."""

CONTACT_FIELDS = ("email", "phone", "name", "locale", "time_zone", "segment", "consent")


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact card; `email`, `phone` and `name` are encrypted tokens."""

    email: str | None = None
    phone: str | None = None
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    segment: str | None = None
    consent: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What a customer was asked before; failed asks never reached anyone and are not in it.

    `last_contact` is the last accepted send, or one that may have been accepted. `pending` says
    that an ask is on its way, whose time is not known yet.
    """

    last_contact: datetime | None = None
    pending: bool = False
    asked: frozenset[Pair] = frozenset()

    def after_ask(self, touchpoint: str, correlation: str | None) -> History:
        """Return the history once one more ask is on its way."""
        asked = self.asked | {(touchpoint, correlation)} if correlation else self.asked
        return replace(self, pending=True, asked=asked)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signal that matched a touchpoint, with everything that was frozen at event time."""

    decision_id: DecisionId
    touchpoint: str
    signal: Signal
    attribution: Attribution
    traceparent: str | None = None

    @property
    def event_key(self) -> str:
        """The same for an event however often and wherever it arrives."""
        return f"{self.signal.source}/{self.signal.source_event_id}"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision looks at, besides policy and time."""

    candidate: Candidate
    contact: Contact
    history: History
    opt_outs: OptOuts = frozenset()


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask now, over this channel."""

    channel: str
    rules: tuple[RuleTrace, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Silent:
    """Never ask about this moment, for this reason."""

    reason: Silence
    rules: tuple[RuleTrace, ...]
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Later:
    """Not due yet: nothing is decided before `due_at`."""

    due_at: datetime


Decision: TypeAlias = Ask | Silent | Later


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule could not be answered; `problem` says why."""

    problem: str


@dataclass(frozen=True, slots=True)
class Sending:
    """An invitation that this process, and no other, may send now; `fence` proves it."""

    invitation: Invitation
    fence: int
    attempts: int
    useful_until: datetime
    answer_within: timedelta
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knew about a batch of customers, and what was decided since."""

    contacts: Mapping[str, Contact]
    histories: dict[str, History] = field(default_factory=dict)
    opt_outs: Mapping[str, OptOuts] = field(default_factory=dict)

    def facts(self, candidate: Candidate) -> Facts:
        """Return the facts about a candidate as they are at this point of the batch."""
        customer = candidate.signal.customer_id
        return Facts(
            candidate,
            self.contacts.get(customer, Contact()),
            self.histories.get(customer, History()),
            self.opt_outs.get(customer, frozenset()),
        )

    def remember_ask(self, candidate: Candidate) -> None:
        """Let the rest of the batch see an ask that was just decided."""
        customer, touchpoint = candidate.signal.customer_id, candidate.touchpoint
        history = self.histories.get(customer, History())
        self.histories[customer] = history.after_ask(touchpoint, candidate.signal.correlation)


def stopped_by(opt_outs: OptOuts, touchpoint: str) -> str | None:
    """Return which wish not to be asked covers a touchpoint: `everything`, or its own name."""
    if None in opt_outs:
        return "everything"
    return touchpoint if touchpoint in opt_outs else None


def decision_id(signal: Signal, touchpoint: str) -> DecisionId:
    """Return the id of the one decision about a signal at a touchpoint."""
    parts = (signal.source, signal.source_event_id, signal.signal, touchpoint)
    return DecisionId(stable_id("decision", *parts))
