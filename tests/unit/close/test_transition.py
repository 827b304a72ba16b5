"""What an action makes of a case, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.close.decide import POSSIBLE, transition
from services.close.model import Action, Attach, Case, Changed, Raised, Refused, Rescored
from shared.contracts import api
from tests.support.clock import START
from tests.unit.close.cases import TARGETS, a_case, a_score

TICK = timedelta(microseconds=1)


def act(case: Case, name: str, actor: str = "lena", version: int | None = None) -> Action:
    """The action of that name, on the version at hand."""
    who = {"actor": actor, "version": version or case.event.version}
    bodies: dict[str, Action] = {
        "acknowledge": api.Acknowledge(**who),
        "contacted": api.Contacted(**who, how="phone", outcome="reached"),
        "waiting": api.Waiting(**who),
        "resolve": api.Resolve(**who, root_cause="double charge", action="refund", outcome="happy"),
        "reopen": api.Reopen(**who, reason="charged again"),
        "reassign": api.Reassign(**who, team="customer-care", reason="theirs"),
        "note": api.Note(**who, note="called the shop"),
        "merge": api.Merge(**who, into="c2"),
        "correct": api.Correct(**who, reason="wrong key"),
        "suppress": api.Suppress(**who, reason="known outage"),
    }
    return bodies[name]


def done(case: Case, *names: str, after: timedelta = timedelta(0)) -> Case:
    """The case after these actions, all of which must be accepted."""
    for name in names:
        outcome = transition(case, act(case, name), START + after)
        assert isinstance(outcome, Changed), (name, outcome)
        case = outcome.case
    return case


def test_a_case_goes_from_assigned_to_resolved_step_by_step() -> None:
    case = done(a_case(), "acknowledge", "contacted", "resolve")
    assert (case.event.state, case.event.version) == ("resolved", 4)
    assert (case.event.assignee, case.event.root_cause) == ("lena", "double charge")


def test_each_event_says_where_the_case_came_from() -> None:
    outcome = transition(a_case(), act(a_case(), "acknowledge"), START)
    assert isinstance(outcome, Changed)
    assert (outcome.type, outcome.case.event.reason) == ("acknowledged", "taken")
    assert (outcome.case.event.previous, outcome.case.event.actor) == ("assigned", "lena")


@pytest.mark.parametrize("state", POSSIBLE)
@pytest.mark.parametrize("name", ["acknowledge", "contacted", "waiting", "resolve", "reopen"])
def test_only_what_the_state_allows_is_accepted(state: str, name: str) -> None:
    case = a_case(state=state)
    outcome = transition(case, act(case, name), START)
    allowed = POSSIBLE[case.event.state]
    if name in allowed:
        assert isinstance(outcome, Changed)
    else:
        assert outcome == Refused("not_possible", allowed)


def test_a_second_taker_with_the_version_of_before_is_refused() -> None:
    taken = done(a_case(), "acknowledge")
    outcome = transition(taken, act(taken, "acknowledge", actor="marek", version=1), START)
    assert outcome == Refused("outdated_version", POSSIBLE["acknowledged"])


@pytest.mark.parametrize(
    ("late", "breached"),
    [
        pytest.param(-TICK, False, id="just before the deadline"),
        pytest.param(timedelta(0), False, id="exactly at the deadline"),
        pytest.param(TICK, True, id="just after the deadline"),
    ],
)
def test_a_clock_is_stopped_in_time_up_to_its_deadline(late: timedelta, breached: bool) -> None:
    at = TARGETS["acknowledge"] + late
    case = done(a_case(), "acknowledge", after=at)
    deadline = case.deadline("acknowledge")
    assert deadline is not None
    assert (deadline.met_at, deadline.breached) == (START + at, breached)


def test_another_attempt_to_reach_the_customer_leaves_the_first_contact_time() -> None:
    case = done(a_case(), "acknowledge", "contacted")
    again = done(case, "contacted", after=timedelta(hours=9))
    assert again.deadline("contact") == case.deadline("contact")


def test_a_clock_still_running_is_marked_as_late_by_the_next_event() -> None:
    case = done(a_case(), "acknowledge", after=timedelta(hours=5))
    contact, resolve = case.deadline("contact"), case.deadline("resolve")
    assert contact is not None
    assert resolve is not None
    assert (contact.breached, contact.met_at, resolve.breached) == (True, None, False)


def test_reopening_gives_the_case_back_to_its_team_with_fresh_clocks() -> None:
    case = done(a_case(), "acknowledge", "contacted", "resolve")
    later = START + timedelta(days=9)
    outcome = transition(case, act(case, "reopen"), later)
    assert isinstance(outcome, Changed)
    assert outcome.reopened
    event = outcome.case.event
    assert (event.state, event.assignee, outcome.case.cycle) == ("assigned", None, 2)
    assert outcome.case.next_due_at == later + TARGETS["acknowledge"]
    assert event.note == "charged again"


def test_handing_back_leaves_nobody_on_the_case() -> None:
    case = done(a_case(), "acknowledge")
    back = transition(case, api.Reassign(actor="lena", version=2), START)
    assert isinstance(back, Changed)
    assert (back.case.event.reason, back.case.event.state) == ("handed_back", "assigned")
    assert (back.case.event.assignee, back.case.event.team) == (None, "billing-care")


def test_handing_over_to_another_team_changes_the_owner() -> None:
    case = done(a_case(), "acknowledge", "reassign")
    assert (case.event.team, case.event.state) == ("customer-care", "assigned")


def test_a_further_low_score_joins_an_open_case_and_leaves_its_state() -> None:
    case = done(a_case(), "acknowledge")
    outcome = transition(case, Attach(a_score("r2", START + timedelta(hours=1), 0)), START)
    assert isinstance(outcome, Changed)
    assert not outcome.reopened
    assert (outcome.case.event.state, outcome.case.event.version) == ("acknowledged", 3)
    assert outcome.case.event.score.response_id == "r2"


def test_a_score_older_than_the_shown_one_does_not_replace_it() -> None:
    outcome = transition(a_case(), Attach(a_score("r0", START - timedelta(hours=1))), START)
    assert isinstance(outcome, Changed)
    assert outcome.case.event.score.response_id == "r-c1"


def test_a_further_low_score_reopens_a_resolved_case() -> None:
    case = done(a_case(), "acknowledge", "contacted", "resolve")
    outcome = transition(case, Attach(a_score("r2")), START)
    assert isinstance(outcome, Changed)
    assert outcome.reopened
    assert (outcome.type, outcome.case.event.state) == ("attached", "assigned")


def test_a_further_low_score_brings_a_case_back_that_was_over_without_one() -> None:
    case = done(a_case(), "correct")
    hurried = (
        a_case().event.deadlines[0].model_copy(update={"due_at": START + timedelta(minutes=1)})
    )
    raised = Raised("normal", "high", (hurried,), ())
    outcome = transition(case, Attach(a_score("r2"), raised=raised), START)
    assert isinstance(outcome, Changed)
    assert (outcome.case.event.state, outcome.reopened) == ("assigned", False)
    assert outcome.case.next_due_at == hurried.due_at


@pytest.mark.parametrize("ended", ["merge", "suppress"])
def test_a_further_low_score_leaves_a_case_alone_that_is_not_worked_on(ended: str) -> None:
    outcome = transition(done(a_case(), ended), Attach(a_score("r2")), START)
    assert isinstance(outcome, Changed)
    assert not outcome.case.is_open


def _said(score: int, hour: int) -> Rescored:
    at = START + timedelta(hours=hour)
    band = "low" if score < 7 else "high"
    return Rescored(a_score("r-c1", score=score).model_copy(update={"band": band, "at": at}))


def test_an_earlier_word_and_the_same_word_again_change_nothing() -> None:
    first = transition(a_case(), _said(3, 2), START)
    assert isinstance(first, Changed)
    for word in (_said(9, 1), _said(9, 2), _said(3, 3)):
        assert isinstance(transition(first.case, word, START), Refused)


def test_a_customer_may_end_a_case_by_a_better_score_and_think_again() -> None:
    ended = transition(a_case(), _said(9, 1), START)
    assert isinstance(ended, Changed)
    assert ended.case.event.state == "corrected"
    again = transition(ended.case, _said(1, 2), START)
    assert isinstance(again, Changed)
    assert (again.type, again.case.event.state) == ("rescored", "assigned")


def test_a_case_that_a_person_corrected_stays_so_whatever_its_score_becomes() -> None:
    outcome = transition(done(a_case(), "correct"), _said(1, 1), START)
    assert isinstance(outcome, Changed)
    assert outcome.case.event.state == "corrected"


def test_a_note_or_a_warning_in_between_does_not_make_anybody_late() -> None:
    noted = done(a_case(), "note")
    outcome = transition(noted, act(noted, "acknowledge", version=1), START)
    assert isinstance(outcome, Changed)
    assert outcome.case.event.version == 3


def test_a_version_that_nobody_can_have_seen_is_refused() -> None:
    outcome = transition(a_case(), act(a_case(), "acknowledge", version=2), START)
    assert outcome == Refused("outdated_version", POSSIBLE["assigned"])


@pytest.mark.parametrize("end", ["merge", "correct", "suppress"])
def test_whoever_reads_of_an_ended_case_sees_its_clocks_stand(end: str) -> None:
    case = done(done(a_case(), "acknowledge"), end, after=timedelta(hours=1))
    contact = case.deadline("contact")
    assert contact is not None
    assert (contact.paused_at, contact.used_seconds) == (START + timedelta(hours=1), 3600)


def test_a_reopened_case_starts_with_a_clean_slate_and_its_past_stays_as_it_was_told() -> None:
    late = done(a_case(), "acknowledge", "contacted", "resolve", after=timedelta(days=3))
    before = late.event.deadlines
    again = done(late, "reopen", after=timedelta(days=4))
    assert all(each.breached for each in before if each.clock != "confirm")
    fresh = [(each.breached, each.told, each.met_at) for each in again.event.deadlines]
    assert fresh == [(False, 0, None)] * 3
    assert late.event.deadlines == before
