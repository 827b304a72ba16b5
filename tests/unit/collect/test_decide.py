"""What may happen to an answer, at every edge of its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collect import decide
from services.collect.model import Changeable, Closed, Fresh, Invitation, Standing
from shared.catalog.scales import SCALES, band
from tests.support.clock import START
from tests.unit.collect.facts import EFFORT, POLICY, a_score, a_submission, an_invitation

DAY = timedelta(hours=24)
TICK = timedelta(microseconds=1)
moments = st.integers(-1000, 1000).map(lambda hours: START + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("invitation", "now", "expected"),
    [
        pytest.param(an_invitation(), START, Fresh(), id="sent, and in time"),
        pytest.param(an_invitation(state="scheduled"), START, Fresh(), id="not known as sent yet"),
        pytest.param(an_invitation(state="failed"), START, Fresh(), id="bounced, yet used"),
        pytest.param(
            an_invitation(), START + timedelta(days=14) - TICK, Fresh(), id="just before its end"
        ),
        pytest.param(
            an_invitation(), START + timedelta(days=14), Closed("expired"), id="exactly at its end"
        ),
        pytest.param(
            an_invitation(state="expired"), START, Closed("expired"), id="expired, says ask"
        ),
        pytest.param(
            an_invitation(state="cancelled"), START, Closed("cancelled"), id="cancelled, says ask"
        ),
    ],
)
def test_an_invitation_without_an_answer(
    invitation: Invitation, now: datetime, expected: Standing
) -> None:
    assert decide.standing(invitation, None, now) == expected


def test_an_answer_is_changeable_for_a_day_and_then_closed() -> None:
    given_answer = a_score().response
    until = START + DAY
    changeable = Changeable(given_answer, until)
    assert decide.standing(an_invitation(), given_answer, until - TICK) == changeable
    assert decide.standing(an_invitation(), given_answer, until) == Closed("already_answered")


def test_an_answer_given_at_the_last_moment_stays_changeable_after_the_end() -> None:
    ending = an_invitation(expires_at=START + TICK)
    later = START + timedelta(hours=1)
    assert isinstance(decide.standing(ending, a_score().response, later), Changeable)


@given(now=moments, answered=st.none() | moments)
def test_there_is_always_exactly_one_standing_and_closed_never_opens_again(
    now: datetime, answered: datetime | None
) -> None:
    answer = replace(a_score().response, received_at=answered) if answered else None
    closed = isinstance(decide.standing(an_invitation(), answer, now), Closed)
    later = decide.standing(an_invitation(), answer, now + DAY)
    assert not closed or isinstance(later, Closed)


def test_the_first_score_is_received_at_once_and_final_a_minute_later() -> None:
    change = a_score(3)
    assert change.happenings == ("received",)
    assert change.final_at == START + timedelta(seconds=60)
    assert (change.response.band, change.response.received_at) == ("low", START)


def test_another_score_amends_the_same_answer_and_moves_its_minute() -> None:
    later = START + timedelta(seconds=30)
    change = decide.other_score(a_score(9).response, 8, later)
    assert change.happenings == ("amended",)
    assert change.final_at == later + timedelta(seconds=60)
    assert (change.response.score, change.response.band) == (8, "mid")
    assert change.response.response_id == a_score().response.response_id
    assert change.response.received_at == START


def test_the_same_score_again_says_nothing_but_moves_its_minute() -> None:
    later = START + timedelta(seconds=30)
    change = decide.other_score(a_score(3).response, 3, later)
    assert change.happenings == ()
    assert change.final_at == later + timedelta(seconds=60)


def test_the_second_page_makes_an_answer_final_even_when_it_is_empty() -> None:
    change = decide.more(a_score().response, None, False, START)
    assert change.happenings == ("completed",)
    assert change.final_at is None
    assert change.response.completed_at == START


def test_a_comment_after_the_end_amends_and_completes_nothing_twice() -> None:
    final = decide.final(a_score().response, START).response
    change = decide.more(final, "too slow", True, START)
    assert change.happenings == ("amended",)
    assert (change.response.comment, change.response.contact_wanted) == ("too slow", True)


@given(st.lists(st.integers(0, 10) | st.text(max_size=5) | st.none(), max_size=12))
def test_whatever_comes_an_answer_completes_at_most_once_and_revisions_rise(
    steps: list[int | str | None],
) -> None:
    answer, said = a_score().response, ["received"]
    for step in steps:
        change = (
            decide.other_score(answer, step, START)
            if isinstance(step, int)
            else decide.more(answer, step, False, START)
        )
        assert change.response.revision - answer.revision in (0, 1)
        assert ("amended" in change.happenings) <= (change.response.revision > answer.revision)
        answer, said = change.response, [*said, *change.happenings]
    assert said.count("completed") <= 1
    assert (answer.completed_at is not None) == ("completed" in said)
    assert answer.band == band("nps", answer.score)


def test_effort_counts_downwards_so_five_is_a_bad_experience() -> None:
    change = decide.first_score(an_invitation(), EFFORT, 5, "en", START)
    assert change.response.band == "low"


def test_an_answer_from_elsewhere_is_whole_at_once_and_takes_its_owner_from_the_catalog() -> None:
    change = decide.given_elsewhere(a_submission(), POLICY, START)
    assert change.happenings == ("received", "completed")
    assert change.final_at is None
    assert change.response.attribution.team == "support-leads"
    assert change.response.attribution.stage == "service"


@given(st.integers(-100, 100))
def test_only_whole_numbers_on_the_scale_are_taken(score: int) -> None:
    submission = a_submission(score=score)
    if score in SCALES["nps"].scores:
        assert decide.given_elsewhere(submission, POLICY, START).response.score == score
    else:
        with pytest.raises(ValueError, match="from 0 to 10"):
            decide.given_elsewhere(submission, POLICY, START)


def test_an_unknown_touchpoint_is_named() -> None:
    with pytest.raises(LookupError, match="'nowhere' is not in the catalog"):
        decide.given_elsewhere(a_submission(touchpoint="nowhere"), POLICY, START)


def test_a_touchpoint_that_asks_nothing_takes_no_answers() -> None:
    silent = POLICY.touchpoints["support-closed"].model_copy(update={"survey": None})
    policy = replace(POLICY, touchpoints={"support-closed": silent})
    with pytest.raises(LookupError, match="has no survey"):
        decide.given_elsewhere(a_submission(), policy, START)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        pytest.param({}, True, id="nothing"),
        pytest.param({"score": 4}, False, id="the score"),
        pytest.param({"comment": "x"}, False, id="the comment"),
        pytest.param({"received_at": START + DAY}, True, id="only the time"),
    ],
)
def test_a_repeat_is_told_from_another_answer_by(change: dict[str, object], same: bool) -> None:
    answer = a_score().response
    assert decide.same_answer(answer, replace(answer, **change)) is same  # type: ignore[arg-type]  # values of a table
