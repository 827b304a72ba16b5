"""A further low score makes a case more urgent: whichever deadline is earlier holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.close.decide import arithmetic, tick, transition
from services.close.model import Attach, Case, Changed, Raised
from shared.contracts.cases import CasePolicy, Clock, Deadline
from tests.support.clock import START
from tests.unit.close.cases import a_case, a_score
from tests.unit.close.test_transition import done

MINUTE = timedelta(minutes=1)
NORMAL: dict[Clock, int] = {"acknowledge": 60, "contact": 24 * 60, "resolve": 5 * 24 * 60}
HIGH: dict[Clock, int] = {"acknowledge": 15, "contact": 4 * 60, "resolve": 2 * 24 * 60}


def clocks(minutes: dict[Clock, int], since: float = 0) -> tuple[Deadline, ...]:
    started = START + since * MINUTE
    return tuple(
        Deadline(
            clock=clock, due_at=started + m * MINUTE, target_seconds=m * 60, started_at=started
        )
        for clock, m in minutes.items()
    )


def a_normal_case(**changes: object) -> Case:
    policy = CasePolicy(fallback="customer-care")
    return a_case(priority="normal", deadlines=clocks(NORMAL), policy=policy, **changes)


def raised_after(case: Case, minutes: float, targets: dict[Clock, int] = HIGH) -> Case:
    """The case after a further low score that is of high priority."""
    since = START + minutes * MINUTE
    raised = Raised("normal", "high", clocks(targets, minutes), ("0", "raised: second-low-score"))
    outcome = transition(case, Attach(a_score("r2", since), raised=raised), since)
    assert isinstance(outcome, Changed)
    return outcome.case


def due(case: Case) -> dict[str, float]:
    """Minutes from the start to each deadline."""
    return {each.clock: (each.due_at - START) / MINUTE for each in case.event.deadlines}


def test_running_clocks_take_the_deadlines_of_the_new_priority_from_the_new_score() -> None:
    case = raised_after(a_normal_case(), 30)
    assert (case.event.priority, case.event.raised_from) == ("high", "normal")
    assert due(case) == {"acknowledge": 45, "contact": 30 + 240, "resolve": 30 + 2880}
    assert case.event.routing_path == ("0", "raised: second-low-score")


def test_a_deadline_that_is_earlier_already_stays() -> None:
    case = raised_after(a_normal_case(), 50)
    assert due(case)["acknowledge"] == 60
    assert due(case)["contact"] == 50 + 240


def test_what_was_done_stays_as_it_was_done() -> None:
    taken = done(a_normal_case(), "acknowledge", after=20 * MINUTE)
    case = raised_after(taken, 30)
    assert case.deadline("acknowledge") == taken.deadline("acknowledge")
    assert case.event.assignee == "lena"


def test_a_clock_that_ran_out_stays_so_and_is_not_told_of_again() -> None:
    late = tick(a_normal_case(), START + 70 * MINUTE, lambda *_: True)
    assert [each.type for each in late].count("breached") == 1
    case = raised_after(late[-1].case, 70)
    again = tick(case, START + 71 * MINUTE, lambda *_: True)
    assert [each.type for each in again] == []
    acknowledge = case.deadline("acknowledge")
    assert acknowledge is not None
    assert acknowledge.breached


def test_the_new_deadline_shows_its_arithmetic_and_is_warned_of() -> None:
    case = raised_after(a_normal_case(), 30)
    acknowledge = case.deadline("acknowledge")
    assert acknowledge is not None
    [span] = arithmetic(acknowledge, case.event)
    assert (span.start, span.total) == (START + 30 * MINUTE, 15 * MINUTE)
    [warned] = tick(case, START + 38 * MINUTE, lambda *_: True)
    assert warned.case.event.reason == "acknowledge_at_50"


def test_a_clock_that_stood_for_the_customer_is_compared_as_it_goes_on() -> None:
    waiting = done(a_normal_case(), "acknowledge", "contacted", "waiting")
    case = raised_after(waiting, 24 * 60)
    assert case.event.state == "contacted"
    assert due(case)["resolve"] == 24 * 60 + 2880  # old: 5 days and the one that it stood


@pytest.mark.parametrize("steps", [("acknowledge", "contacted", "resolve")])
def test_a_done_case_begins_again_by_the_new_targets(steps: tuple[str, ...]) -> None:
    case = raised_after(done(a_normal_case(), *steps), 600)
    assert (case.cycle, case.event.state, case.event.priority) == (2, "assigned", "high")
    assert due(case) == {clock: 600 + minutes for clock, minutes in HIGH.items()}
    assert {each.cycle for each in case.event.deadlines} == {2}


def test_a_case_in_its_second_cycle_is_raised_in_that_one() -> None:
    again = done(a_normal_case(), "acknowledge", "contacted", "resolve", "reopen")
    case = raised_after(again, 30)
    assert {each.cycle for each in case.event.deadlines} == {2}


def test_a_merged_case_stays_as_it_ended() -> None:
    case = raised_after(done(a_normal_case(), "merge"), 30)
    assert (case.event.state, case.event.priority) == ("merged", "normal")


def test_only_the_event_that_raised_it_says_from_where() -> None:
    case = done(raised_after(a_normal_case(), 30), "acknowledge")
    assert (case.event.priority, case.event.raised_from) == ("high", None)
