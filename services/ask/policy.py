"""What an operator may tune about asking, taken from the catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from services.ask.model import CASE_REOPENED, CASE_RESOLVED, Contact
from shared.catalog.catalog import Catalog
from shared.catalog.fields import Act
from shared.catalog.policy import SendWindow
from shared.catalog.touchpoints import (
    AbsenceTrigger,
    CountTrigger,
    EventTrigger,
    RecoveryTrigger,
    RhythmTrigger,
    Touchpoint,
)
from shared.contracts.base import Stage
from shared.rules import Condition

SENDS = ("email", "sms", "webhook", "kafka")
"""The channels that asks may leave by."""

FIELDS: Mapping[str, str] = {"email": "email", "sms": "phone"}
"""Which field of the card holds the address that a channel needs; the others need none."""

REPEATABLE = ("sms", "webhook", "kafka")
"""Those whose other end recognises a repeat, so that what may have been sent is sent again."""

NOTHING = timedelta(0)

ENOUGH = 100
"""As many as anybody wants to be told how often something happened."""


def reachable(contact: Contact, channel: str) -> bool:
    """Say whether a card has the address that a channel needs."""
    field = FIELDS.get(channel)
    return field is None or bool(getattr(contact, field))


@dataclass(frozen=True, slots=True)
class Count:
    """So many of the same signal within a span; the earliest of them counts when it is exactly
    that old."""

    at_least: int
    within: timedelta
    by_correlation: bool

    @property
    def at_most(self) -> int:
        """How many are counted: a customer of thousands costs no more than one of a hundred."""
        return max(self.at_least, ENOUGH)


@dataclass(frozen=True, slots=True)
class Absence:
    """None of these signals may come within the span for the touchpoint to be meant."""

    awaited: frozenset[str]
    within: timedelta
    by_correlation: bool


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Once per period, at a moment that is the customer's own."""

    every: timedelta
    segment: Condition | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One touchpoint. Caps are the least time between two asks; None is no cap.

    `exempt` are recovery questions: no cap holds them back, and they hold back nothing else.
    `tells` says who is told by a touchpoint that notifies.
    """

    touchpoint: str
    act: Act
    survey: str
    stage: Stage | None
    owner: str | None
    when: Condition | None
    count: Count | None
    absence: Absence | None
    rhythm: Rhythm | None
    exempt: bool
    tells: Literal["customer", "team"] | None
    cancel_on: frozenset[str]
    delay: timedelta
    hold: timedelta
    useful_for: timedelta
    answer_within: timedelta
    channels: tuple[str, ...]
    priority: int
    sample: float
    holdout: float
    salt: str
    floor: timedelta
    person: timedelta
    cap: timedelta | None
    answered: timedelta | None
    window: SendWindow
    time_zone: str | None
    last_time_zone: str

    @property
    def lag(self) -> timedelta:
        """From the signal to the moment that is meant: an absence is one when its span is over."""
        return self.absence.within if self.absence else NOTHING

    @property
    def probability(self) -> float:
        """The chance with which what is drawn lets a moment through: customers held out are held
        out of questions only, and the two draws know nothing of each other."""
        not_held_out = 1 - self.holdout if self.act == "ask" else 1.0
        return not_held_out * self.sample

    @property
    def reaches_customer(self) -> bool:
        """Whether a customer gets a message, and not only a team."""
        return self.act == "ask" or self.tells == "customer"


@dataclass(frozen=True, slots=True)
class Book:
    """All plans of one version of the catalog.

    `heard` are the names of all signals that anything depends on: others need no look at all.
    `looks_back` is how long a heard signal may matter to later ones.
    """

    version: str
    plans: Mapping[str, Plan]
    on_signal: Mapping[str, tuple[Plan, ...]]
    cancels: Mapping[str, tuple[Plan, ...]]
    rhythms: tuple[Plan, ...]
    heard: frozenset[str]
    looks_back: timedelta


def book(catalog: Catalog) -> Book:
    """Take from the catalog what concerns asking."""
    plans = {each.touchpoint: plan_of(each, catalog) for each in catalog.touchpoints}
    on_signal = _grouped(
        (_trigger(each), plans[each.touchpoint])
        for each in catalog.touchpoints
        if not isinstance(each.on, RhythmTrigger)
    )
    cancels = _grouped((name, plan) for plan in plans.values() for name in plan.cancel_on)
    awaited = {name for plan in plans.values() if plan.absence for name in plan.absence.awaited}
    spans = [plan.count.within for plan in plans.values() if plan.count]
    return Book(
        version=catalog.version,
        plans=plans,
        on_signal=on_signal,
        cancels=cancels,
        rhythms=tuple(plan for plan in plans.values() if plan.rhythm),
        heard=frozenset({*on_signal, *cancels, *awaited}),
        looks_back=max(spans, default=NOTHING),
    )


def _grouped(pairs: Iterable[tuple[str, Plan]]) -> Mapping[str, tuple[Plan, ...]]:
    groups: dict[str, list[Plan]] = defaultdict(list)
    for name, plan in pairs:
        groups[name].append(plan)
    return {name: tuple(each) for name, each in groups.items()}


def _trigger(touchpoint: Touchpoint) -> str:
    match touchpoint.on:
        case EventTrigger(signal=name) | CountTrigger(count=name) | AbsenceTrigger(after=name):
            return name
        case _:
            return CASE_RESOLVED


def plan_of(touchpoint: Touchpoint, catalog: Catalog) -> Plan:
    """Return a touchpoint as asking sees it."""
    policy, on = catalog.policy, touchpoint.on
    recovery = isinstance(on, RecoveryTrigger)
    return Plan(
        touchpoint=touchpoint.touchpoint,
        act=touchpoint.act,
        survey=touchpoint.survey or "",
        stage=touchpoint.stage,
        owner=touchpoint.owner,
        exempt=recovery,
        tells=touchpoint.notice.to if touchpoint.notice else None,
        cancel_on=frozenset({*touchpoint.cancel_on, *([CASE_REOPENED] if recovery else [])}),
        delay=touchpoint.delay,
        hold=policy.hold_window if touchpoint.act == "ask" and not recovery else NOTHING,
        useful_for=touchpoint.useful_for,
        answer_within=touchpoint.answer_within,
        channels=touchpoint.channels,
        priority=touchpoint.priority,
        sample=touchpoint.sample,
        holdout=policy.holdout,
        salt=policy.salt,
        floor=policy.caps.floor,
        person=policy.caps.person,
        cap=touchpoint.cap,
        answered=policy.caps.answered if touchpoint.relationship else None,
        window=policy.send_window,
        time_zone=touchpoint.time_zone,
        last_time_zone=policy.time_zone,
        **_on(on),
    )


def _on(on: Any) -> dict[str, Any]:
    """Return what makes a trigger: a condition, and at most one of count, absence and rhythm."""
    made: dict[str, Any] = {"when": None, "count": None, "absence": None, "rhythm": None}
    match on:
        case CountTrigger():
            made["count"] = Count(on.at_least, on.within, on.by == "correlation")
        case AbsenceTrigger():
            awaited = frozenset(on.absence)
            made["absence"] = Absence(awaited, on.within, on.by == "correlation")
        case RhythmTrigger():
            return {**made, "rhythm": Rhythm(on.every, on.segment)}
    return {**made, "when": on.when}
