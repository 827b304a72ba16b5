"""What may happen to an answer, at every edge of its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collect import decide
from services.collect.model import (
    Changeable,
    Closed,
    Feedback,
    Fresh,
    Invitation,
    More,
    Rating,
    ResponseId,
    Standing,
)
from shared.catalog.scales import SCALES, band
from tests.support.clock import START
from tests.unit.collect.facts import (
    EFFORT,
    EXPERIENCE,
    NPS,
    POLICY,
    a_score,
    a_submission,
    an_invitation,
)

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
    change = decide.other_score(a_score(9).response, Rating(8), later)
    assert change.happenings == ("amended",)
    assert change.final_at == later + timedelta(seconds=60)
    assert (change.response.score, change.response.band) == (8, "mid")
    assert change.response.response_id == a_score().response.response_id
    assert change.response.received_at == START


def test_the_same_score_again_says_nothing_but_moves_its_minute() -> None:
    later = START + timedelta(seconds=30)
    change = decide.other_score(a_score(3).response, Rating(3), later)
    assert change.happenings == ()
    assert change.final_at == later + timedelta(seconds=60)


def test_the_second_page_makes_an_answer_final_even_when_it_is_empty() -> None:
    change = decide.more(a_score().response, More(), START)
    assert change.happenings == ("completed",)
    assert change.final_at is None
    assert change.response.completed_at == START


def test_a_comment_after_the_end_amends_and_completes_nothing_twice() -> None:
    final = decide.final(a_score().response, START).response
    change = decide.more(final, More("too slow", True), START)
    assert change.happenings == ("amended",)
    assert (change.response.comment, change.response.contact_wanted) == ("too slow", True)


@given(st.lists(st.integers(0, 10) | st.text(max_size=5) | st.none(), max_size=12))
def test_whatever_comes_an_answer_completes_at_most_once_and_revisions_rise(
    steps: list[int | str | None],
) -> None:
    answer, said = a_score().response, ["received"]
    for step in steps:
        change = (
            decide.other_score(answer, Rating(step), START)
            if isinstance(step, int)
            else decide.more(answer, More(step), START)
        )
        assert change.response.revision - answer.revision in (0, 1)
        assert ("amended" in change.happenings) <= (change.response.revision > answer.revision)
        answer, said = change.response, [*said, *change.happenings]
    assert said.count("completed") <= 1
    assert (answer.completed_at is not None) == ("completed" in said)
    assert answer.band == band("nps", answer.score)


def test_effort_counts_downwards_so_five_is_a_bad_experience() -> None:
    change = decide.first_score(an_invitation(), EFFORT, Rating(5), "en", START)
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


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York"])


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), ZONES)  # noqa: DTZ001
def test_an_unlinked_answer_has_a_day_and_stays_open_for_an_hour_at_least(
    now: datetime, zone: str
) -> None:
    first = decide.first_score(an_invitation(), NPS, Rating(3), "en", now)
    change = decide.unlinked(first, ResponseId("r-1"), zone)
    day = change.response.received_at
    assert (day.astimezone(ZoneInfo(zone)).time(), change.happenings) == (time(0), ())
    assert change.final_at == decide.told_at(now, zone) == decide.changeable_until(change.response)
    assert timedelta(hours=1) <= change.final_at - now <= timedelta(hours=26)
    later = decide.more(
        decide.other_score(change.response, Rating(9), now).response, More("x"), now
    )
    assert (later.happenings, later.final_at) == ((), change.final_at)
    told = decide.final(later.response, now + timedelta(days=2))
    assert told.happenings == ("received", "completed")
    times = {told.response.received_at, told.response.changed_at, told.response.completed_at}
    assert times == {day}


def test_an_experience_takes_no_single_score_from_a_program() -> None:
    asking = POLICY.touchpoints["delivered"].model_copy(update={"survey": "moving-in"})
    policy = replace(POLICY, touchpoints={"delivered": asking})
    with pytest.raises(ValueError, match="asks for needs, ease, enjoyment, a score each"):
        decide.given_elsewhere(a_submission(touchpoint="delivered"), policy, START)


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


@pytest.mark.parametrize(
    ("parts", "score", "quality"),
    [
        pytest.param({"needs": 5, "ease": 4, "enjoyment": 5}, 4, "high", id="all good"),
        pytest.param({"needs": 5, "ease": 3, "enjoyment": 5}, 3, "mid", id="one so-so"),
        pytest.param({"needs": 2, "ease": 5, "enjoyment": 5}, 2, "low", id="one bad"),
    ],
)
def test_an_experience_is_as_good_as_its_worst_part(
    parts: dict[str, int], score: int, quality: str
) -> None:
    rating = Rating(min(parts.values()), parts)
    response = decide.first_score(an_invitation(), EXPERIENCE, rating, "en", START).response
    assert (response.score, response.band) == (score, quality)
    assert response.answers == {"parts": parts}
    kept = decide.more(response, More("fine", reasons=("late",), effort=2), START).response
    assert kept.answers == {"parts": parts, "reasons": ["late"], "effort": 2}


def test_what_a_page_saves_by_itself_is_kept_but_not_said_until_the_answer_is_final() -> None:
    later = START + timedelta(seconds=30)
    change = decide.draft(a_score(3).response, More("too sl"), 7, later)
    assert change is not None
    assert (change.happenings, change.final_at) == ((), later + timedelta(seconds=60))
    assert (change.response.comment, change.response.draft) == ("too sl", 7)
    assert decide.draft(change.response, More("too"), 6, later) is None
    final = decide.more(change.response, More("too slow"), later).response
    assert decide.draft(final, More("too slow, and"), 8, later) is None


def test_taking_back_all_words_leaves_the_score_and_says_so() -> None:
    said = decide.more(a_score(3).response, More("my neighbour", True, ("late",), 5), START)
    change = decide.withdrawn(said.response, START + DAY * 30)
    assert change.happenings == ("amended",)
    assert (change.response.score, change.response.band) == (3, "low")
    assert (change.response.comment, change.response.contact_wanted) == (None, False)
    assert change.response.answers == {"withdrawn": True}
    assert decide.withdrawn(change.response, START + DAY * 31).happenings == ()


def test_words_taken_back_before_the_answer_was_final_are_never_said() -> None:
    kept = decide.draft(a_score(3).response, More("my neighbour"), 1, START)
    assert kept is not None
    change = decide.withdrawn(kept.response, START)
    assert (change.happenings, change.response.comment) == (("completed",), None)


@pytest.mark.parametrize(
    ("typed", "asked", "customer", "anonymous", "verified"),
    [
        pytest.param(None, None, "anonymous-f-1", True, False, id="nobody knows who"),
        pytest.param("c-9", None, "c-9", False, False, id="who they say they are"),
        pytest.param(None, an_invitation(), "c-1", False, True, id="who has the link"),
    ],
)
def test_feedback_says_how_well_its_customer_is_known(
    typed: str | None, asked: Invitation | None, customer: str, anonymous: bool, verified: bool
) -> None:
    said = decide.feedback(
        Feedback(
            feedback_id="f-1",
            text="It rains in.",
            score=2,
            urgent=True,
            language="en",
            received_at=START,
            customer_id=typed,
            invitation=asked,
        )
    )
    assert (said.customer_id, said.anonymous, said.verified) == (customer, anonymous, verified)
    assert (said.metric, said.score, said.band, said.urgent) == ("csat", 2, "low", True)
    assert said.touchpoint == (asked.touchpoint if asked else None)
