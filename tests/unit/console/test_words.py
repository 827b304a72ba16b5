"""What a page says about deadlines, scores and states."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest

from services.console import words
from services.console.decide import STEPS, standing, steps
from services.console.model import Standing
from services.console.pages import LOCALES
from services.console.render import Speech
from shared.contracts.cases import CaseState
from shared.languages import load
from tests.support.clock import START
from tests.unit.close.cases import TARGETS, a_score, an_event


def speech(language: str = "en") -> Speech:
    return Speech(language, load(LOCALES)[language], ZoneInfo("Europe/Berlin"), START)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        pytest.param(timedelta(minutes=19, seconds=59), "19 min left", id="minutes"),
        pytest.param(timedelta(hours=1, minutes=58), "1 h 58 min left", id="hours"),
        pytest.param(timedelta(days=2, hours=3, minutes=9), "2 d 3 h left", id="days"),
        pytest.param(timedelta(days=2), "2 d left", id="whole days"),
        pytest.param(-timedelta(minutes=6), "6 min late", id="late"),
        pytest.param(timedelta(0), "0 min left", id="exactly now"),
    ],
)
def test_a_deadline_is_said_in_its_greatest_units(left: timedelta, expected: str) -> None:
    assert speech().pill(Standing("contact", START, left)) == expected


def test_chinese_pages_say_it_in_chinese() -> None:
    assert speech("zh").pill(Standing("contact", START, -timedelta(hours=2))) == "已超时 2 小时"


def test_the_wall_time_names_the_day_only_when_it_is_not_today() -> None:
    assert speech().wall(START) == "13:00"
    assert speech().wall(START + timedelta(days=1)) == "3 Mar, 13:00"
    assert speech("zh").wall(START + timedelta(days=1)) == "3月3日 13:00"


def test_effort_always_says_which_end_is_hard() -> None:
    effort = a_score(score=4).model_copy(update={"metric": "ces"})
    assert speech().score(effort) == "of 5, 5 is hardest"
    assert speech().score(a_score()) == "of 10"


def test_the_next_clock_is_the_one_that_runs_out_first() -> None:
    found = standing(an_event(), START + timedelta(minutes=20))
    assert found is not None
    assert (found.clock, found.late, found.left) == ("acknowledge", True, -timedelta(minutes=5))


def test_a_stopped_clock_gives_way_to_the_next() -> None:
    event = an_event()
    first = event.deadlines[0].model_copy(update={"met_at": START})
    event = event.model_copy(update={"deadlines": (first, *event.deadlines[1:])})
    found = standing(event, START)
    assert found is not None
    assert found.due_at == START + TARGETS["contact"]


def test_no_clock_runs_once_it_is_put_right() -> None:
    assert standing(an_event(state="resolved"), START) is None


def test_every_state_of_the_contract_has_a_name_and_a_next_step() -> None:
    for state in get_args(CaseState):
        assert state in words.STATES
        assert steps(state)
    assert set(STEPS) <= set(get_args(CaseState))


def test_a_word_that_a_newer_release_added_is_shown_as_it_is() -> None:
    assert speech().state("frozen") == "frozen"
    assert speech().say(words.TITLES, ("case", "thawed")) == "thawed"
