"""Warnings, breaches, escalation, and what happens by itself: in order, once each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.close.decide import arithmetic, escalated, next_at, soon_at, tick, transition
from services.close.model import Answered, Case, Changed, Refused
from shared.contracts.cases import CasePolicy, Deadline, EscalationAt
from tests.support.clock import START
from tests.unit.close.cases import TARGETS, a_case
from tests.unit.close.test_transition import done

HOUR = timedelta(hours=1)
STEPS = (EscalationAt(at=1.0, team="leads", repeat=1), EscalationAt(at=1.5, team="managers"))
POLICY = CasePolicy(fallback="customer-care", escalation=STEPS)


def passed(case: Case, after: timedelta, *at_work: str) -> tuple[Case, list[tuple[str, str, str]]]:
    """The case when so much time has passed, and what happened: type, reason, who was told."""
    changes = tick(case, START + after, lambda team, now: team in at_work)
    events = [change.case.event for change in changes]
    told = [
        (change.type, event.reason, event.escalated_to or "")
        for change, event in zip(changes, events, strict=True)
    ]
    return (changes[-1].case if changes else case), told


def followed(case: Case, hours: float, *at_work: str) -> list[tuple[float, str, str]]:
    """What happens if nobody does anything: hours since the start, reason, who was told."""
    seen = []
    while (at := next_at(case)) is not None and at <= START + hours * HOUR:
        at += timedelta(microseconds=1)
        for change in tick(case, at, lambda team, now: team in at_work):
            since = round((at - START) / HOUR, 3)
            seen.append((since, change.case.event.reason, change.case.event.escalated_to or ""))
            case = change.case
    return seen


def test_without_configured_steps_the_fallback_is_told_at_100_and_200_percent() -> None:
    case = a_case(policy=CasePolicy(fallback="customer-care"))
    assert followed(case, 0.5) == [
        (0.125, "acknowledge_at_50", ""),
        (0.2, "acknowledge_at_80", ""),
        (0.25, "acknowledge_overdue", ""),
        (0.25, "acknowledge_overdue", "customer-care"),
        (0.5, "acknowledge_overdue", "customer-care"),
    ]


def test_steps_repeat_and_end_in_the_fallback() -> None:
    told = [each for each in followed(a_case(policy=POLICY), 0.51, "leads", "managers") if each[2]]
    assert told == [
        (0.25, "acknowledge_overdue", "leads"),
        (0.375, "acknowledge_overdue", "managers"),
        (0.5, "acknowledge_overdue", "leads"),
        (0.5, "acknowledge_overdue", "customer-care"),
    ]


def test_a_team_with_nobody_at_work_is_skipped_for_the_next_one() -> None:
    _, told = passed(a_case(policy=POLICY), HOUR / 3, "managers")
    assert told[-1] == ("escalated", "acknowledge_overdue", "managers")


def test_the_fallback_is_told_though_nobody_is_at_work_anywhere() -> None:
    _, told = passed(a_case(policy=POLICY), HOUR / 3)
    assert told[-1] == ("escalated", "acknowledge_overdue", "customer-care")


def test_a_step_that_may_not_be_skipped_is_told_at_night_too() -> None:
    step = EscalationAt(at=1.0, team="leads", skip_if_empty=False)
    policy = CasePolicy(fallback="customer-care", escalation=(step,))
    _, told = passed(a_case(policy=policy), HOUR / 3)
    assert told[-1] == ("escalated", "acknowledge_overdue", "leads")


def test_a_case_that_is_left_alone_reminds_the_fallback_once_a_day() -> None:
    case = a_case(policy=CasePolicy(fallback="customer-care"))
    late = [each for each in followed(case, 24 * 12) if each[1].endswith("still_overdue")]
    assert {(reason, told) for _, reason, told in late} == {
        ("acknowledge_still_overdue", "customer-care")
    }
    assert [round(since) for since, _, _ in late] == [24 * day + 1 for day in range(1, 12)] or [
        round(since) for since, _, _ in late
    ] == [24 * day for day in range(1, 12)]


def test_after_an_outage_warnings_that_were_overtaken_are_left_out() -> None:
    _, told = passed(a_case(policy=POLICY), timedelta(minutes=16), "leads")
    assert [type for type, _, _ in told] == ["breached", "escalated"]


@pytest.mark.parametrize(
    ("late", "told"),
    [
        pytest.param(timedelta(0), 0, id="exactly at the deadline nothing has run out"),
        pytest.param(timedelta(microseconds=1), 1, id="just after it it has"),
    ],
)
def test_time_is_up_after_the_deadline_only(late: timedelta, told: int) -> None:
    warned, _ = passed(a_case(), TARGETS["acknowledge"])
    _, seen = passed(warned, TARGETS["acknowledge"] + late)
    assert len([each for each in seen if each[0] == "breached"]) == told


def test_who_took_a_case_and_stayed_silent_loses_it_to_the_team() -> None:
    case, told = passed(done(a_case(policy=POLICY), "acknowledge"), 4.1 * HOUR, "leads")
    assert ("escalated", "no_contact_in_time", "billing-care") in told
    assert (case.event.state, case.event.assignee) == ("assigned", None)
    assert case.event.acted_version == case.event.version - 1  # the escalation changed no owner


def test_a_case_taken_after_the_contact_target_is_not_taken_away_at_once() -> None:
    case, untaken = passed(a_case(policy=POLICY), 5 * HOUR)
    assert "no_contact_in_time" not in [reason for _, reason, _ in untaken]
    taken = done(case, "acknowledge", after=5 * HOUR)
    later, told = passed(taken, 5.1 * HOUR)
    assert later.event.state == "acknowledged"
    assert "no_contact_in_time" not in [reason for _, reason, _ in told]


def test_a_customer_who_does_not_come_back_returns_the_case_to_work() -> None:
    case = done(a_case(), "acknowledge", "contacted", "waiting")
    case, told = passed(case, timedelta(days=3, microseconds=1))
    assert told[0] == ("resumed", "waited_long_enough", "")
    resolve = case.deadline("resolve")
    assert resolve is not None
    assert (case.event.state, resolve.due_at) == (
        "contacted",
        START + timedelta(days=3, microseconds=1) + TARGETS["resolve"],
    )


def test_silence_after_the_resolution_closes_without_confirmation() -> None:
    case = done(a_case(), "acknowledge", "contacted", "resolve")
    assert next_at(case) == START + timedelta(days=7)
    case, told = passed(case, timedelta(days=7, microseconds=1))
    assert told == [("closed", "quiet_period", "")]
    assert (case.event.state, next_at(case)) == ("closed_unconfirmed", None)


def test_a_customer_who_agrees_closes_the_case_also_late() -> None:
    resolved = done(a_case(), "acknowledge", "contacted", "resolve")
    quiet, _ = passed(resolved, timedelta(days=8))
    for case in (resolved, quiet):
        outcome = transition(case, Answered("a1", "high"), START + HOUR)
        assert isinstance(outcome, Changed)
        event = outcome.case.event
        assert (outcome.type, event.state, event.reason) == ("closed", "closed", "customer_agrees")
        assert event.actor == "customer"
        again = transition(outcome.case, Answered("a2", "high"), START + 2 * HOUR)
        assert isinstance(again, Refused), "who agrees twice has agreed once"


def test_a_customer_who_is_not_sure_is_heard_and_the_quiet_period_goes_on() -> None:
    resolved = done(a_case(), "acknowledge", "contacted", "resolve")

    outcome = transition(resolved, Answered("a1", "mid", "slow"), START + HOUR)

    assert isinstance(outcome, Changed)
    event = outcome.case.event
    assert (outcome.type, event.state, event.reason) == ("noted", "resolved", "customer_undecided")
    assert (event.actor, event.note) == ("customer", "slow")
    assert next_at(outcome.case) == next_at(resolved)
    closed, _ = passed(outcome.case, timedelta(days=8))
    assert closed.event.state == "closed_unconfirmed"


def test_a_customer_who_disagrees_reopens_the_case_and_others_are_told() -> None:
    case = done(a_case(policy=POLICY), "acknowledge", "contacted", "resolve")
    outcome = transition(case, Answered("a1", "low", "still wrong"), START + HOUR)
    assert isinstance(outcome, Changed)
    assert (outcome.reopened, outcome.escalate, outcome.case.cycle) == (True, True, 2)
    assert outcome.case.event.note == "still wrong"
    told = escalated(outcome.case, "customer_disagrees", START + HOUR, lambda *_: True)
    assert (told.type, told.case.event.escalated_to) == ("escalated", "leads")


def test_a_deadline_in_business_time_explains_itself() -> None:
    office = {day: (("09:00", "17:00"),) for day in ("mon", "tue", "wed", "thu", "fri")}
    policy = CasePolicy(time_zone="UTC", hours=office, fallback="customer-care")
    friday = datetime(2026, 3, 6, 16, tzinfo=UTC)
    monday = datetime(2026, 3, 9, 12, tzinfo=UTC)
    deadline = Deadline(
        clock="contact",
        due_at=monday,
        target_seconds=4 * 3600,
        measure="business",
        started_at=friday,
    )
    event = a_case(policy=policy).event
    spans = arithmetic(deadline, event)
    assert [(each.total / HOUR) for each in spans] == [1, 4]
    assert spans[-1].end == monday


def test_a_case_is_due_soon_when_80_percent_of_its_next_clock_are_used() -> None:
    case = a_case(policy=POLICY)
    assert soon_at(case) == START + 0.8 * TARGETS["acknowledge"]
    taken = done(case, "acknowledge")
    assert soon_at(taken) == START + 0.8 * TARGETS["contact"]


def test_a_case_whose_clocks_stand_or_are_over_is_never_due_soon() -> None:
    standing = tuple(
        each.model_copy(update={"paused_at": START, "used_seconds": 1.0})
        for each in a_case().event.deadlines
    )
    assert soon_at(a_case().with_deadlines(standing)) is None
    assert soon_at(a_case(state="resolved")) is None


def test_in_business_time_only_open_hours_bring_a_case_nearer_to_due_soon() -> None:
    office = {day: (("09:00", "17:00"),) for day in ("mon", "tue", "wed", "thu", "fri")}
    policy = CasePolicy(time_zone="UTC", hours=office, fallback="customer-care")
    friday = datetime(2026, 3, 6, 16, tzinfo=UTC)
    clock = Deadline(
        clock="contact",
        due_at=datetime(2026, 3, 10, 10, tzinfo=UTC),
        target_seconds=10 * 3600,
        measure="business",
        started_at=friday,
    )
    case = a_case(policy=policy).with_deadlines((clock,))
    assert soon_at(case) == datetime(2026, 3, 9, 16, tzinfo=UTC)
