"""Every reason for silence in words: a moment just inside its limit, and one just outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from services.ask.decide.memory import Memory
from services.ask.decide.turns import Verdict
from services.ask.model import Contact, History, Silent
from services.ask.policy import book
from shared.contracts.asks import Silence
from shared.contracts.signals import Signal
from tests.support.clock import START
from tests.unit.ask.moments import a_catalog, a_signal, hours

TICK, HOUR, DAY = timedelta(microseconds=1), timedelta(hours=1), timedelta(days=1)
TOUCHPOINTS = """\
- touchpoint: delivered
  on: {signal: order.delivered, when: 'int(signal.attributes.days) > 2'}
  delay: 1h
  cancel_on: [order.returned]
  cap: 60d
  survey: delivery
- touchpoint: silence
  on: {absence: [response], after: order.late, within: 2d}
  survey: delivery
- {touchpoint: urgent, on: {signal: order.lost}, survey: delivery, priority: 90}
- {touchpoint: relationship, on: {every: 20d}, survey: delivery}
"""
ALWAYS = 'send_window: {start: "00:00", end: "24:00"}\n'
Told = Mapping[str, str]


class Life:
    """One customer, whom anything may happen to."""

    def __init__(self, policy: str = ALWAYS) -> None:
        files = {"touchpoints.yaml": TOUCHPOINTS, "policy.yaml": policy}
        self.memory = Memory(book(a_catalog(files)))
        self.person = self.memory.person("c1")
        self.person.contact = Contact(email="token")
        self.verdicts: list[Verdict] = []

    def hear(self, name: str, ago: timedelta = 0 * HOUR, about: str = "o1", **more: object) -> None:
        """Something happened so long before START, and is heard then."""
        signal = a_signal(
            f"{name}/{ago}/{about}",
            name=name,
            at=START - ago,
            correlation=about,
            **{"days": 3, **more},
        )
        self.take(signal)

    def take(self, signal: Signal) -> None:
        self.verdicts += self.memory.wake(signal.occurred_at - TICK)
        self.verdicts += self.memory.take(signal, signal.occurred_at)

    def at(self, later: timedelta) -> None:
        """So much time after START."""
        self.verdicts += self.memory.wake(START + later)

    def said(self) -> Told:
        """Each decision in one word, by touchpoint."""
        return {
            each.candidate.touchpoint: each.decision.reason
            if isinstance(each.decision, Silent)
            else "ask"
            for each in self.verdicts
        }


def delivered(life: Life, **more: object) -> str:
    """What becomes of a delivery at START, an hour and a hold window later."""
    life.hear("order.delivered", **more)
    life.at(hours(1.25))
    return life.said()["delivered"]


def of(**history: object) -> str:
    """A delivery of somebody with this past."""
    life = Life()
    life.person.history = History(**history)  # type: ignore[arg-type]  # each case names its fields
    return delivered(life)


def card(**fields: object) -> str:
    """A delivery of somebody with this contact card."""
    life = Life()
    life.person.contact = Contact(**fields)  # type: ignore[arg-type]  # each case names its fields
    return delivered(life)


def wishes(*opt_outs: str | None) -> str:
    life = Life()
    life.person.opt_outs = frozenset(opt_outs)
    return delivered(life)


def in_trouble(*cases: str) -> str:
    life = Life()
    life.person.open_cases = frozenset(cases)
    return delivered(life)


def drawn(**shares: float) -> str:
    life = Life()
    plans = life.memory.book.plans
    plan = replace(plans["delivered"], **shares)  # type: ignore[arg-type]  # each case names its share
    on_signal = {**life.memory.book.on_signal, "order.delivered": (plan,)}
    life.memory.book = replace(
        life.memory.book, plans={**plans, "delivered": plan}, on_signal=on_signal
    )
    return delivered(life)


def returned(after: timedelta, about: str = "o1") -> str:
    """It is returned so long after the delivery; heard in the order in which it happened."""
    life = Life()
    both = sorted(
        [("order.delivered", 0 * HOUR, "o1"), ("order.returned", -after, about)],
        key=lambda each: -each[1],
    )
    for name, ago, order in both:
        life.hear(name, ago, order)
    life.at(hours(1.25))
    return life.said()["delivered"]


def heard_late(by: timedelta) -> str:
    """The delivery is heard of so long after it happened."""
    life = Life()
    late = a_signal(at=START, correlation="o1", days=3)
    life.verdicts += life.memory.take(late, START + by)
    life.at(by + HOUR)
    return life.said()["delivered"]


def night(useful: timedelta) -> str:
    """A delivery at eight in the evening, of which to ask makes sense for so long."""
    life = Life("")
    plan = replace(life.memory.book.plans["urgent"], useful_for=useful)
    plans = {**life.memory.book.plans, "urgent": plan}
    on_signal = {**life.memory.book.on_signal, "order.lost": (plan,)}
    life.memory.book = replace(life.memory.book, plans=plans, on_signal=on_signal)
    life.hear("order.lost", -8 * HOUR)
    life.at(hours(8.25))
    life.at(hours(21))
    return life.said()["urgent"]


def rival(after: timedelta) -> str:
    """Something more urgent comes due so long after the delivery does."""
    life = Life()
    life.hear("order.delivered")
    life.hear("order.lost", -HOUR - after)
    life.at(2 * DAY)
    return life.said()["delivered"]


def answered(after: timedelta) -> str:
    """The customer says something so long after the delay that would be silence."""
    life = Life()
    life.hear("order.late")
    answer = a_signal("a", name="response", at=START + after)
    life.verdicts += life.memory.take(answer, START + 2 * DAY)
    life.at(2 * DAY + HOUR)
    return life.said()["silence"]


def again(about: str) -> str:
    """A second delivery message, when the caps are long over."""
    life = Life()
    asked = frozenset({("delivered", "o1")})
    life.person.history = History(last_contact=START - 90 * DAY, asked=asked)
    return delivered(life, about=about)


def relationship(ago: timedelta) -> str:
    """The rhythm comes round so long after an answer about the relationship."""
    life = Life()
    plan = life.memory.book.plans["relationship"]
    life.person.history = History(answered={"relationship": START - ago})
    signal = a_signal("r", name="order.delivered", at=START - HOUR, days=3)
    on_signal = {"order.delivered": (plan,)}
    life.memory.book = replace(life.memory.book, on_signal=on_signal)
    life.verdicts += life.memory.take(signal, START)
    return life.said()["relationship"]


Side = tuple[Silence, str, Callable[[], str]]
SILENT: tuple[Side, ...] = (
    ("opted_out", "of everything", lambda: wishes(None)),
    ("opted_out", "of this touchpoint", lambda: wishes("delivered")),
    ("no_consent", "refused", lambda: card(email="t", consent="refused")),
    ("no_address", "only a phone, and mail is the channel", lambda: card(phone="t")),
    (
        "cap_person",
        "a day short of 30 days by a tick",
        lambda: of(last_contact=START + hours(1.25) - 30 * DAY + TICK),
    ),
    ("cap_person", "an ask is on its way", lambda: of(pending=True)),
    (
        "cap_touchpoint",
        "asked about it 60 days ago but for a tick",
        lambda: of(sent={"delivered": START + hours(1.25) - 60 * DAY + TICK}),
    ),
    ("cap_answered", "answered 90 days ago but for a tick", lambda: relationship(90 * DAY - TICK)),
    ("sampled_out", "nobody is drawn", lambda: drawn(sample=0.0)),
    ("holdout", "everybody is held out", lambda: drawn(holdout=1.0)),
    ("outranked", "the rival is due as the hold window ends", lambda: rival(timedelta(minutes=15))),
    ("quiet_hours_expired", "useless a tick before nine", lambda: night(13 * HOUR - TICK)),
    ("cancelled", "returned at the same instant", lambda: returned(0 * HOUR)),
    ("cancelled", "returned just before it is judged", lambda: returned(hours(1.25) - TICK)),
    ("stale_event", "heard a tick too late", lambda: heard_late(72 * HOUR + TICK)),
    ("open_case", "somebody works on a case of theirs", lambda: in_trouble("k1")),
    ("duplicate", "the same order again", lambda: again("o1")),
    ("not_eligible", "an answer at the very end of the silence", lambda: answered(2 * DAY)),
    ("rule_error", "the rule meets what is no number", lambda: delivered(Life(), days="many")),
)
ASKED: tuple[Side, ...] = (
    ("opted_out", "of another touchpoint", lambda: wishes("silence")),
    ("no_consent", "never said", lambda: card(email="t")),
    ("no_address", "an address for the channel", lambda: card(email="t", phone="t")),
    ("cap_person", "exactly 30 days ago", lambda: of(last_contact=START + hours(1.25) - 30 * DAY)),
    (
        "cap_touchpoint",
        "exactly 60 days ago",
        lambda: of(sent={"delivered": START + hours(1.25) - 60 * DAY}),
    ),
    ("cap_answered", "exactly 90 days ago", lambda: relationship(90 * DAY)),
    ("sampled_out", "everybody is drawn", lambda: drawn(sample=1.0)),
    ("holdout", "nobody is held out", lambda: drawn(holdout=0.0)),
    ("outranked", "the rival is due a tick after it", lambda: rival(timedelta(minutes=15) + TICK)),
    ("quiet_hours_expired", "useful until nine", lambda: night(13 * HOUR)),
    ("cancelled", "returned a tick before it was delivered", lambda: returned(-TICK)),
    ("cancelled", "another order returned", lambda: returned(HOUR / 2, "o2")),
    ("cancelled", "returned just after it was judged", lambda: returned(hours(1.25) + TICK)),
    ("stale_event", "heard as its usefulness ends", lambda: heard_late(72 * HOUR)),
    ("open_case", "nobody works on one", lambda: in_trouble()),
    ("duplicate", "another order", lambda: again("o2")),
    ("not_eligible", "an answer a tick after it", lambda: answered(2 * DAY + TICK)),
    ("rule_error", "the rule meets a number as text", lambda: delivered(Life(), days="3")),
)


def _named(sides: tuple[Side, ...]) -> list[object]:
    return [pytest.param(reason, run, id=f"{reason}: {words}") for reason, words, run in sides]


@pytest.mark.parametrize(("reason", "run"), _named(SILENT))
def test_just_inside_its_limit_a_reason_silences(reason: str, run: Callable[[], str]) -> None:
    assert run() == reason


@pytest.mark.parametrize(("reason", "run"), _named(ASKED))
def test_just_outside_its_limit_it_does_not(reason: str, run: Callable[[], str]) -> None:
    assert run() == "ask"


def test_every_reason_of_the_closed_list_has_both_sides() -> None:
    sides: defaultdict[str, set[str]] = defaultdict(set)
    for name, table in (("silent", SILENT), ("asked", ASKED)):
        for reason, _, _ in table:
            sides[reason].add(name)
    assert dict(sides) == {reason: {"silent", "asked"} for reason in get_args(Silence)}
