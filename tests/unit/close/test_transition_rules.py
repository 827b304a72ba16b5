"""What holds for a case whatever is done to it, in whatever order."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.close.decide import POSSIBLE, transition
from services.close.model import (
    CLOCKS,
    TERMINAL,
    Attach,
    Case,
    Changed,
    EventType,
    Refused,
    replayed,
)
from shared.contracts.cases import CaseEvent
from tests.support.clock import START
from tests.unit.close.cases import a_case, a_score
from tests.unit.close.test_transition import act

NAMES = st.sampled_from(
    ["acknowledge", "contacted", "waiting", "resolve", "reopen", "reassign", "note"]
)


class Life(RuleBasedStateMachine):
    """A case through its life, beside the history that others read."""

    case: Case
    history: list[tuple[EventType, CaseEvent]]

    @initialize(state=st.sampled_from(list(POSSIBLE)))
    def opened(self, state: str) -> None:
        self.case = a_case(state=state)
        self.now = START
        self.history = [("opened", self.case.event)]
        self.met = {clock: 0 for clock in CLOCKS}

    @rule(minutes=st.integers(0, 3000))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(name=NAMES, outdated=st.integers(0, 1))
    def somebody_acts(self, name: str, outdated: int) -> None:
        version = self.case.event.version - outdated
        if version < 1:
            return
        outcome = transition(self.case, act(self.case, name, version=version), self.now)
        if outdated:
            assert outcome == Refused("outdated_version", POSSIBLE[self.case.event.state])
        self.follow(outcome)

    @rule(number=st.integers(2, 9))
    def another_low_score_comes(self, number: int) -> None:
        outcome = transition(self.case, Attach(a_score(f"r{number}", self.now)), self.now)
        assert isinstance(outcome, Changed)
        self.follow(outcome)

    def follow(self, outcome: Changed | Refused) -> None:
        """Check what every accepted change has in common."""
        if isinstance(outcome, Refused):
            return
        before, after = self.case, outcome.case
        assert after.event.version == before.event.version + 1
        assert after.event.previous == before.event.state
        assert after.cycle - before.cycle == int(outcome.reopened)
        if before.event.state in TERMINAL:
            assert after.event.state == before.event.state
        for deadline in outcome.met:
            self.met[deadline.clock] += 1
            assert deadline.breached == (self.now > deadline.due_at)
        self.history.append((outcome.type, after.event))
        self.case = after

    @invariant()
    def the_history_alone_gives_the_same_case(self) -> None:
        case = None
        for type, event in self.history:
            case = replayed(case, type, event)
        assert case == self.case

    @invariant()
    def a_clock_is_stopped_at_most_once_in_each_cycle(self) -> None:
        assert max(self.met.values()) <= self.case.cycle

    @invariant()
    def whoever_waits_for_nobody_has_no_deadline(self) -> None:
        assert self.case.is_open or self.case.next_due_at is None


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
