"""What holds for a case whatever is done to it, in whatever order, however time passes."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.close.decide import POSSIBLE, escalated, next_at, tick, transition
from services.close.model import (
    CLOCKS,
    OPEN,
    TERMINAL,
    Action,
    Answered,
    Attach,
    Case,
    Changed,
    EventType,
    Raised,
    Refused,
    Rescored,
    replayed,
)
from shared.contracts.cases import CaseEvent, CasePolicy, Clock, EscalationAt
from tests.support.clock import START
from tests.unit.close.cases import a_case, a_score
from tests.unit.close.test_raised import HIGH, MINUTE, clocks
from tests.unit.close.test_transition import act

NAMES = st.sampled_from(
    [
        *("acknowledge", "contacted", "waiting", "resolve", "reopen", "reassign", "note"),
        *("merge", "correct", "suppress"),
    ]
)
OFFICE = {
    day: (("09:00", "12:00"), ("13:00", "18:00")) for day in ("mon", "tue", "wed", "thu", "fri")
}
POLICIES = st.sampled_from(
    [
        None,
        CasePolicy(fallback="customer-care"),
        CasePolicy(
            time_zone="Asia/Shanghai",
            hours=OFFICE,
            holidays="CN",
            fallback="customer-care",
            escalation=(
                EscalationAt(at=0.5, team="night-watch"),
                EscalationAt(at=1.0, team="leads", repeat=2),
            ),
        ),
    ]
)


class Life(RuleBasedStateMachine):
    """A case through its life, beside the history that others read."""

    case: Case
    history: list[tuple[EventType, CaseEvent]]

    @initialize(state=st.sampled_from(["new", "assigned"]), policy=POLICIES, business=st.booleans())
    def opened(self, state: str, policy: CasePolicy | None, business: bool) -> None:
        self.case = a_case(state=state, policy=policy)
        if business:
            self.case = self.case.with_deadlines(
                tuple(
                    each.model_copy(update={"measure": "business"})
                    for each in self.case.event.deadlines
                )
            )
        self.now = START
        self.history = [("opened", self.case.event)]
        self.met: dict[tuple[Clock, int], int] = {}
        self.breached: set[tuple[Clock, int]] = set()

    @rule(minutes=st.integers(0, 9000), here=st.booleans())
    def time_passes(self, minutes: int, here: bool) -> None:
        self.now += timedelta(minutes=minutes)
        for change in tick(self.case, self.now, lambda team, now: here):
            self.follow(change)
        assert tick(self.case, self.now, lambda team, now: here) == []

    @rule(name=NAMES, outdated=st.integers(0, 1))
    def somebody_acts(self, name: str, outdated: int) -> None:
        event = self.case.event
        version = event.acted_version - 1 if outdated else event.version
        if version < 1:
            return
        outcome = transition(self.case, act(self.case, name, version=version), self.now)
        if outdated:
            assert outcome == Refused("outdated_version", POSSIBLE[event.state])
        self.follow(outcome)

    @rule(number=st.integers(2, 9), urgent=st.booleans())
    def another_low_score_comes(self, number: int, urgent: bool) -> None:
        raised = Raised("high", "higher", clocks(HIGH, (self.now - START) / MINUTE), ())
        score = a_score(f"r{number}", self.now)
        before = self.case.running
        outcome = transition(self.case, Attach(score, raised=raised if urgent else None), self.now)
        if isinstance(outcome, Changed) and not outcome.reopened:
            now_due = {each.clock: each.due_at for each in outcome.case.running}
            assert all(now_due[each.clock] <= each.due_at for each in before)
        assert isinstance(outcome, Changed)
        self.follow(outcome)

    @rule(band=st.sampled_from(["low", "mid", "high"]))
    def the_customer_answers(self, band: str) -> None:
        answer = Answered("a1", band)  # type: ignore[arg-type]  # one of the bands
        self.follow(transition(self.case, answer, self.now))
        if self.history[-1][1].reason == "customer_disagrees":
            self.follow(escalated(self.case, "customer_disagrees", self.now, lambda *_: True))

    @rule(score=st.integers(0, 10), others=st.booleans())
    def the_customer_corrects_the_score(self, score: int, others: bool) -> None:
        band = "low" if score < 7 else "high"
        new = self.case.event.score.model_copy(update={"score": score, "band": band})
        self.follow(transition(self.case, Rescored(new, others), self.now))

    def follow(self, outcome: Changed | Refused) -> None:
        """Check what every accepted change has in common."""
        if isinstance(outcome, Refused):
            return
        before, after = self.case, outcome.case
        assert after.event.version == before.event.version + 1
        assert after.event.previous == before.event.state
        assert after.cycle - before.cycle == int(outcome.reopened)
        if before.event.state in TERMINAL and not _came_back(before, outcome):
            assert after.event.state == before.event.state
        for deadline in outcome.met:
            key = (deadline.clock, after.cycle)
            self.met[key] = self.met.get(key, 0) + 1
            assert deadline.cycle == after.cycle
            assert deadline.wall_seconds is not None
            assert deadline.business_seconds is not None
            assert deadline.business_seconds <= deadline.wall_seconds
        if outcome.ran_out is not None:
            key = (outcome.ran_out.clock, after.cycle)
            assert key not in self.breached, "a breach is told once per clock and cycle"
            self.breached.add(key)
        self.history.append((outcome.type, after.event))
        self.case = after

    @invariant()
    def the_history_alone_gives_the_same_case(self) -> None:
        case = None
        for type, event in self.history:
            case = replayed(case, type, event)
        assert case is not None
        assert case.event == self.history[-1][1]
        assert case == self.case

    @invariant()
    def a_clock_is_stopped_at_most_once_in_each_cycle(self) -> None:
        assert max(self.met.values(), default=0) <= 1

    @invariant()
    def whoever_waits_for_nobody_has_no_deadline(self) -> None:
        assert self.case.is_open or self.case.next_due_at is None

    @invariant()
    def no_clock_runs_in_a_terminal_state(self) -> None:
        if self.case.event.state in (*TERMINAL, "closed", "closed_unconfirmed"):
            assert self.case.running == ()
            assert next_at(self.case) is None

    @invariant()
    def every_case_that_is_not_over_has_something_ahead(self) -> None:
        if self.case.event.state in (*OPEN, "resolved"):
            assert next_at(self.case) is not None

    @invariant()
    def only_resolve_ever_stands_while_work_goes_on(self) -> None:
        if not self.case.is_open:
            return
        waiting = self.case.event.state == "waiting_customer"
        for deadline in self.case.event.deadlines:
            if deadline.clock in CLOCKS and deadline.paused_at is not None:
                assert deadline.clock == "resolve"
                assert waiting


def _came_back(before: Case, outcome: Changed) -> bool:
    """A case that was over because there was no low score, until there was one."""
    states = (before.event.state, outcome.case.event.state)
    return states == ("corrected", "assigned") and outcome.type in ("attached", "rescored")


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)


def test_waiting_for_the_customer_costs_the_team_no_time() -> None:
    case = a_case()
    for name, hour in (("acknowledge", 0), ("contacted", 1), ("waiting", 2)):
        case = _accepted(case, act(case, name), hour)
    assert case.next_due_at is None
    before = case.deadline("resolve")
    case = _accepted(case, act(case, "contacted"), 30)
    after = case.deadline("resolve")
    assert before is not None
    assert after is not None
    assert after.due_at - before.due_at == timedelta(hours=28)
    assert after.used_seconds == 2 * 3600


def _accepted(case: Case, action: Action, hours: int) -> Case:
    outcome = transition(case, action, START + timedelta(hours=hours))
    assert isinstance(outcome, Changed)
    return outcome.case
