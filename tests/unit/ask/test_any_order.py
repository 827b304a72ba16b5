"""Whatever the order, delay and repetition of what is heard: the same decisions as a plain
second opinion, no cap broken, nobody asked who should not be."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from services.ask.decide.gates import chance
from services.ask.decide.memory import Memory
from services.ask.decide.turns import Verdict, give_up
from services.ask.model import RESPONSE, Ask, Contact, History, Silent, decision_id
from services.ask.policy import book
from shared.contracts.signals import Signal
from tests.unit.ask.moments import a_catalog, a_signal
from tests.unit.ask.reference import POLICY, TOUCHPOINTS, ZONE, Heard, Reference

HOLDOUT = 0.05
FILES = {"touchpoints.yaml": TOUCHPOINTS, "policy.yaml": f"{POLICY}holdout: {HOLDOUT}\n"}
BOOK = book(a_catalog(FILES))
SALT = BOOK.plans["delivered"].salt
HELD_OUT = next(
    name for name in map("held-{}".format, range(1000)) if chance("holdout", name, SALT) < HOLDOUT
)
NAMES = ("order.delivered", "order.late", "order.lost", "order.returned", RESPONSE)
MEANT = NAMES[:3]
CASES = ("touchback.case.resolved", "touchback.case.reopened")
STARTS = (
    datetime(2026, 3, 6, 15, tzinfo=UTC),
    datetime(2026, 10, 30, 15, tzinfo=UTC),
    datetime(2026, 6, 1, 3, tzinfo=UTC),
)
"""Before the clocks of New York go forward, before they go back, and a night in summer."""

MINUTES = (
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    5,
    10,
    15,
    20,
    45,
    60,
    75,
    180,
    720,
    1440,
    2880,
    2885,
    4000,
    4320,
    4325,
    10080,
)
AGO = st.sampled_from([timedelta(minutes=count) for count in MINUTES])
"""How late something is heard: around each of the limits."""

JUMPS = st.sampled_from(
    [timedelta(minutes=count) for count in (1, 5, 14, 15, 16, 59, 60, 61, 120, 600, 900, 1440)]
    + [timedelta(days=count) for count in (2, 3, 10, 30)]
    + [timedelta(days=9, hours=23), timedelta(days=10, hours=1)]
    + [timedelta(minutes=-1), timedelta(hours=-3)]
)
SENT = st.sampled_from([True, True, True, False, None])
"""What becomes of the ask on its way: accepted, bounced, or nobody knows yet."""

RARELY = st.sampled_from([True, False, False])
LONG = os.environ.get("CI", "").lower() not in ("", "0", "false")


pytestmark = pytest.mark.timeout(1200)


class AnyOrder(RuleBasedStateMachine):
    """One customer of an engine and of its reference, told the same, whatever the clock does."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory(BOOK)
        self.reference = Reference(id_of=lambda tp, heard: decision_id(self._signal(heard), tp))
        self.said: dict[tuple[str, str], str] = {}
        self.past: list[Heard] = []
        self.on_its_way: Verdict | None = None
        self.sends: list[datetime] = []
        self.events = 0
        self.erased = False

    @initialize(start=st.sampled_from(STARTS), held_out=st.sampled_from([False] * 7 + [True]))
    def begin(self, start: datetime, held_out: bool) -> None:
        self.now = start
        self.customer = HELD_OUT if held_out else "c1"
        self.person = self.memory.person(self.customer)
        self.person.contact = Contact(email="token", time_zone=ZONE)
        self.reference.held_out = held_out

    # --- what is heard -----------------------------------------------------------------------

    @rule(
        names=st.sampled_from([*((name,) for name in NAMES), *permutations(MEANT, 2), MEANT]),
        order=st.sampled_from(["o1", "o1", "o2", None]),
        ago=AGO,
        then=JUMPS,
        sent=SENT,
    )
    def something_is_heard(
        self,
        names: tuple[str, ...],
        order: str | None,
        ago: timedelta,
        then: timedelta,
        sent: bool | None,
    ) -> None:
        for name in names:
            self.events += 1
            days = 3 if self.events % 4 else 1
            about = None if name == RESPONSE else order
            self._hear(Heard(name, f"e{self.events}", self.now - ago, about, days))
        self.time_passes(then, sent)

    @rule(name=st.sampled_from(CASES), case=st.sampled_from(["k1", "k2"]), ago=AGO)
    def something_is_heard_of_a_case(self, name: str, case: str, ago: timedelta) -> None:
        self.events += 1
        self._hear(Heard(name, f"e{self.events}", self.now - ago, case))

    @rule(which=st.integers(0, 20))
    def something_is_heard_again(self, which: int) -> None:
        if not self.past:
            return
        before = dict(self.said)
        waiting = dict(self.person.waiting)
        self._hear(self.past[which % len(self.past)])
        assert self.said == before
        assert self.person.waiting == waiting

    @rule()
    def everything_is_heard_again(self) -> None:
        before = dict(self.said)
        for heard in list(self.past):
            self._hear(heard)
        assert self.said == before

    def _hear(self, heard: Heard) -> None:
        if heard not in self.past:
            self.past.append(heard)
        self._take(self.memory.take(self._signal(heard), self.now))
        self.reference.hear(heard, self.now)

    # --- what happens besides ------------------------------------------------------------------

    @rule(by=JUMPS, sent=SENT)
    def time_passes(self, by: timedelta, sent: bool | None) -> None:
        self.now += by
        self._take(list(self.memory.wake(self.now)))
        self.reference.judge(self.now)
        if self.on_its_way and sent is not None:
            self._the_ask_is_sent_or_bounces(self.on_its_way, sent)
            self.on_its_way = self.reference.on_its_way = None

    def _the_ask_is_sent_or_bounces(self, ask: Verdict, sent: bool) -> None:
        touchpoint, order = ask.candidate.touchpoint, ask.candidate.signal.correlation
        if sent:
            self.memory.accepted(ask, self.now)
            self.reference.sent.append((self.now, touchpoint))
            self.sends.append(self.now)
        else:
            self.memory.failed(ask)
            self.reference.asked_orders.discard((touchpoint, order or ""))

    @rule(out=RARELY)
    def the_customer_opts_out_or_changes_their_mind(self, out: bool) -> None:
        self.person.opt_outs = frozenset({None}) if out else frozenset()
        self.reference.opted_out = out

    @rule(open=RARELY)
    def a_case_is_opened_or_closed(self, open: bool) -> None:
        self.person.open_cases = frozenset({"k1"}) if open else frozenset()
        self.reference.open_cases = {"k1"} if open else set()

    @precondition(lambda self: self.events > 3)
    @rule(really=RARELY)
    def the_customer_is_erased(self, really: bool) -> None:
        if not really:
            return
        self._take(give_up(self.person, "the customer was erased"))
        self.person.contact, self.person.history = Contact(time_zone=ZONE), History()
        self.person.seen, self.person.open_cases = [], frozenset()
        self.reference.erase()
        self.on_its_way, self.erased = None, True

    def _take(self, verdicts: list[Verdict]) -> None:
        for each in verdicts:
            key = (each.candidate.touchpoint, each.candidate.signal.source_event_id)
            assert key not in self.said, "decided twice"
            self.said[key] = _word(each)
            if isinstance(each.decision, Ask):
                self._asked(each)

    def _asked(self, verdict: Verdict) -> None:
        assert not self.person.opt_outs, "asked somebody who opted out"
        assert not self.erased, "asked somebody who was erased"
        assert self.customer != HELD_OUT, "asked somebody who is held out"
        if verdict.candidate.touchpoint == "recovered":
            return
        assert not self.person.open_cases, "asked somebody in trouble"
        assert self.on_its_way is None, "asked while an ask was on its way"
        assert not self.sends or self.now - self.sends[-1] >= timedelta(days=10), "asked too soon"
        self.on_its_way = verdict

    def _signal(self, heard: Heard) -> Signal:
        return a_signal(
            heard.event,
            customer=self.customer,
            name=heard.name,
            at=heard.at,
            correlation=heard.order,
            days=heard.days,
        )

    # --- what holds --------------------------------------------------------------------------

    @invariant()
    def both_say_the_same(self) -> None:
        assert self.said == self.reference.said


def _word(verdict: Verdict) -> str:
    match verdict.decision:
        case Ask():
            return "ask"
        case Silent(reason=reason):
            return reason
        case other:
            return other.what  # type: ignore[union-attr]  # no moment that waits is a verdict


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=20_000 if LONG else 200,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
