"""Business time: several spans a day, zones, changes of clocks, holidays, make-up working days."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import business_time as clock
from shared.business_time import ALWAYS, Calendar, NeverOpen

OFFICE = {
    day: (("09:00", "12:00"), ("13:00", "17:00")) for day in ("mon", "tue", "wed", "thu", "fri")
}
BERLIN = clock.calendar("Europe/Berlin", OFFICE, "DE")
SHANGHAI = clock.calendar("Asia/Shanghai", OFFICE, "CN")
HOURS = timedelta(hours=1)


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        pytest.param("2026-03-04T10:00", 2, "2026-03-04T12:00", id="ends exactly at the closing"),
        pytest.param("2026-03-04T10:00", 3, "2026-03-04T14:00", id="over the lunch break"),
        pytest.param("2026-03-04T16:00", 2, "2026-03-05T10:00", id="over the night"),
        pytest.param("2026-03-06T16:30", 1, "2026-03-09T09:30", id="over the weekend"),
        pytest.param("2026-03-07T12:00", 1, "2026-03-09T10:00", id="begins on a Saturday"),
        pytest.param("2026-04-02T16:00", 2, "2026-04-07T10:00", id="over Easter"),
        pytest.param("2026-03-27T16:00", 2, "2026-03-30T10:00", id="over the change of clocks"),
    ],
)
def test_a_deadline_counts_open_hours_only(start: str, hours: int, due: str) -> None:
    assert clock.add(at(start), hours * HOURS, BERLIN) == at(due)


@pytest.mark.parametrize(
    ("day", "open"),
    [
        pytest.param("2026-02-14", True, id="a Saturday worked for the Spring Festival"),
        pytest.param("2026-02-21", False, id="an ordinary Saturday of that month"),
        pytest.param("2026-10-10", True, id="a Saturday worked for the National Day"),
        pytest.param("2026-02-17", False, id="New Year itself"),
        pytest.param("2026-10-01", False, id="National Day itself"),
    ],
)
def test_china_works_on_make_up_days_and_rests_on_its_holidays(day: str, open: bool) -> None:
    assert clock.is_open(at(f"{day}T10:00", "Asia/Shanghai"), SHANGHAI) is open


def test_a_make_up_day_with_hours_of_its_own_keeps_them() -> None:
    saturdays = {**OFFICE, "sat": (("10:00", "14:00"),)}
    shop = clock.calendar("Asia/Shanghai", saturdays, "CN")
    worked = "2026-02-14"
    assert not clock.is_open(at(f"{worked}T09:30", "Asia/Shanghai"), shop)
    assert clock.is_open(at(f"{worked}T12:30", "Asia/Shanghai"), shop)


@pytest.mark.parametrize(
    ("moment", "open"),
    [("09:00", True), ("11:59", True), ("12:00", False), ("13:00", True), ("17:00", False)],
)
def test_it_is_open_from_the_first_minute_to_the_end_of_the_last(moment: str, open: bool) -> None:
    assert clock.is_open(at(f"2026-03-04T{moment}"), BERLIN) is open


def test_a_make_up_day_counts_towards_a_deadline() -> None:
    friday = at("2026-02-13T16:00", "Asia/Shanghai")
    assert clock.add(friday, 2 * HOURS, SHANGHAI) == at("2026-02-14T10:00", "Asia/Shanghai")


def test_a_day_on_which_the_clocks_change_has_23_or_25_hours() -> None:
    whole = clock.calendar("Europe/Berlin", {"sun": (("00:00", "23:59"),)}, None)
    spring, autumn = at("2026-03-29T00:00"), at("2026-10-25T00:00")
    minute = timedelta(minutes=1)
    assert clock.elapsed(spring, spring + 26 * HOURS, whole) == 23 * HOURS - minute
    assert clock.elapsed(autumn, autumn + 26 * HOURS, whole) == 25 * HOURS - minute


def test_spans_around_a_skipped_hour_never_count_a_moment_twice() -> None:
    night = clock.calendar("Europe/Berlin", {"sun": (("01:00", "02:30"), ("03:00", "04:00"))}, None)
    spring = at("2026-03-29T00:00")
    assert clock.elapsed(spring, spring + 10 * HOURS, night) == 2 * HOURS


def test_the_arithmetic_shows_every_stretch() -> None:
    spans = clock.explain(at("2026-03-06T16:00"), 3 * HOURS, BERLIN)
    assert [(each.start, each.end, each.total) for each in spans] == [
        (at("2026-03-06T16:00"), at("2026-03-06T17:00"), HOURS),
        (at("2026-03-09T09:00"), at("2026-03-09T11:00"), 3 * HOURS),
    ]


def test_without_hours_all_time_counts() -> None:
    start = at("2026-03-28T23:00")
    assert clock.add(start, 30 * HOURS, ALWAYS) == start + 30 * HOURS
    assert clock.elapsed(start, start + 30 * HOURS, ALWAYS) == 30 * HOURS


def test_a_calendar_without_open_hours_is_an_error_and_no_endless_search() -> None:
    never = Calendar("UTC", ((),) * 7)
    with pytest.raises(NeverOpen):
        clock.add(at("2026-03-28T23:00"), HOURS, never)


@pytest.mark.parametrize(("code", "known"), [("CN", True), ("DE-BY", True), ("XX", False)])
def test_it_says_which_holidays_it_knows(code: str, known: bool) -> None:
    assert clock.known_holidays(code) is known


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    quarters = st.integers(0, 95)
    week = []
    for _ in range(7):
        edges = sorted(draw(st.sets(quarters, max_size=6)))
        times = [time(edge // 4, edge % 4 * 15) for edge in edges]
        week.append(tuple(zip(times[::2], times[1::2], strict=False)))
    zones = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Shanghai", "Australia/Lord_Howe")
    made = Calendar(
        draw(st.sampled_from(zones)), tuple(week), draw(st.sampled_from((None, "DE", "CN")))
    )
    return made if any(made.hours) else ALWAYS


YEARS = timedelta(days=700)
MOMENTS = st.timedeltas(timedelta(0), YEARS).map(lambda past: at("2025-01-01T00:00") + past)
DURATIONS = st.timedeltas(timedelta(0), timedelta(hours=12))


@settings(max_examples=100, deadline=None)
@given(MOMENTS, DURATIONS, calendars())
def test_what_is_added_is_what_has_elapsed(
    start: datetime, duration: timedelta, calendar: Calendar
) -> None:
    due = clock.add(start, duration, calendar)
    assert clock.elapsed(start, due, calendar) == duration
    assert (
        sum((s.end - s.start for s in clock.explain(start, duration, calendar)), timedelta(0))
        == duration
    )
    if duration:
        assert clock.explain(start, duration, calendar)[-1].end == due


@settings(max_examples=60, deadline=None)
@given(MOMENTS, DURATIONS, DURATIONS, calendars())
def test_adding_twice_is_adding_the_sum(
    start: datetime, first: timedelta, second: timedelta, calendar: Calendar
) -> None:
    halfway = clock.add(start, first, calendar)
    assert clock.add(halfway, second, calendar) == clock.add(start, first + second, calendar) or (
        not second
    )


@settings(max_examples=60, deadline=None)
@given(MOMENTS, DURATIONS, DURATIONS, calendars())
def test_elapsed_time_is_the_sum_of_its_parts(
    start: datetime, first: timedelta, second: timedelta, calendar: Calendar
) -> None:
    middle, end = start + first, start + first + second
    parts = clock.elapsed(start, middle, calendar) + clock.elapsed(middle, end, calendar)
    assert clock.elapsed(start, end, calendar) == parts
