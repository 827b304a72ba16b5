"""When a topic pauses itself, how long it waits, and when it goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.listen import breaker
from services.listen.breaker import Refusals, Window
from shared.catalog.sources import PauseAbove

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
LIMIT = PauseAbove(share=0.5, at_least=4, within=timedelta(minutes=5))
BAD, GOOD = "source shop: body.customer is absent", None


def trip(outcomes: Refusals, window: Window | None = None, now: datetime = NOW) -> int | None:
    found = breaker.trip(window or Window(), outcomes, LIMIT, now)
    return found and found[0]


@pytest.mark.parametrize(
    ("outcomes", "place"),
    [
        pytest.param([BAD] * 3, None, id="too few to say"),
        pytest.param([BAD] * 9, 4, id="as soon as there are enough"),
        pytest.param([GOOD, BAD] * 9, None, id="exactly the limit, however long"),
        pytest.param([GOOD, GOOD, BAD, BAD, BAD], 5, id="at the record that passes it"),
        pytest.param([GOOD] * 9, None, id="all well"),
    ],
)
def test_a_topic_pauses_where_the_share_passes_the_limit(
    outcomes: Refusals, place: int | None
) -> None:
    assert trip(outcomes) == place


def test_what_is_long_past_does_not_count() -> None:
    window = Window()
    window.add([BAD] * 3, NOW)
    assert trip([BAD], window, NOW + LIMIT.within) == 1
    assert trip([BAD], window, NOW + LIMIT.within + timedelta(seconds=1)) is None


def test_good_records_of_the_window_weigh_against_bad_ones() -> None:
    window = Window()
    window.add([GOOD] * 10, NOW)
    assert trip([BAD] * 10, window) is None
    assert trip([BAD] * 11, window) == 11


def test_the_wait_doubles_up_to_ten_minutes() -> None:
    pause, waits = breaker.paused("t", BAD, 4, 4, NOW), []
    for _ in range(7):
        pause = breaker.longer(pause, [BAD], NOW)
        waits.append(int((pause.next_try - NOW).total_seconds()))
    assert waits == [60, 120, 240, 480, 600, 600, 600]


def test_sources_on_one_topic_have_the_strictest_limit_among_them() -> None:
    other = PauseAbove(share=0.9, at_least=2, within=timedelta(hours=1))
    assert breaker.strictest([LIMIT, other]) == PauseAbove(
        share=0.5, at_least=2, within=timedelta(hours=1)
    )


@given(st.lists(st.sampled_from([BAD, GOOD]), max_size=60))
def test_no_refused_record_goes_through_above_the_limit(outcomes: list[str | None]) -> None:
    place = trip(outcomes)
    through = outcomes if place is None else outcomes[: place - 1]
    failed = 0
    for seen, outcome in enumerate(through, start=1):
        failed += outcome is not None
        assert outcome is None or seen < LIMIT.at_least or failed <= LIMIT.share * seen
