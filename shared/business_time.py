"""Time that counts only while somebody is at work: open spans, time zones, holidays, make-up days.

Pure arithmetic on instants. A local time that a change of clocks skips is taken as the moment the
clock would have shown it; one that comes twice is taken the first time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from holidays import country_holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOTHING = timedelta(0)
FARTHEST = 4000
"""Days to look ahead for open hours; a calendar without any in ten years is a mistake."""

Hours = tuple[tuple[tuple[time, time], ...], ...]
"""The open spans of Monday to Sunday, ends exclusive."""


class NeverOpen(ValueError):
    """The calendar has no open hours."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When somebody is at work. Without hours that is always."""

    time_zone: str = "UTC"
    hours: Hours = ()
    holidays: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of counted time, and how much has been counted at its end."""

    start: datetime
    end: datetime
    total: timedelta


ALWAYS = Calendar()


def calendar(
    time_zone: str, hours: Mapping[str, Sequence[tuple[str, str]]], holidays: str | None
) -> Calendar:
    """Return a calendar from weekdays (`mon` to `sun`) and pairs of `HH:MM`."""
    if not hours:
        return Calendar(time_zone)
    each = (_day(hours.get(day, ())) for day in WEEKDAYS)
    return Calendar(time_zone, tuple(each), holidays)


def _day(pairs: Sequence[tuple[str, str]]) -> tuple[tuple[time, time], ...]:
    return tuple(sorted((time.fromisoformat(a), time.fromisoformat(b)) for a, b in pairs))


def add(start: datetime, duration: timedelta, calendar: Calendar) -> datetime:
    """Return the first moment by which so much counted time has passed since the start."""
    if duration <= NOTHING:
        return start
    if not calendar.hours:
        return start + duration
    return next(
        span.end - (span.total - duration)
        for span in _counted(start, calendar)
        if span.total >= duration
    )


def elapsed(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """Return how much counted time lies between two moments; none when they stand the other way."""
    if end <= start:
        return NOTHING
    if not calendar.hours:
        return end - start
    total = NOTHING
    for span in _counted(start, calendar):
        if span.start >= end:
            break
        total = span.total - max(NOTHING, span.end - end)
    return total


def explain(start: datetime, duration: timedelta, calendar: Calendar) -> tuple[Span, ...]:
    """Return the stretches that make up the duration: the last one ends where `add` points."""
    if duration <= NOTHING:
        return ()
    if not calendar.hours:
        return (Span(start, start + duration, duration),)
    spans: list[Span] = []
    for span in _counted(start, calendar):
        if span.total >= duration:
            spans.append(Span(span.start, span.end - (span.total - duration), duration))
            break
        spans.append(span)
    return tuple(spans)


def is_open(moment: datetime, calendar: Calendar) -> bool:
    """Say whether somebody is at work."""
    if not calendar.hours:
        return True
    today = moment.astimezone(_zone(calendar.time_zone)).date()
    around = (today - timedelta(days=1), today, today + timedelta(days=1))
    return any(a <= moment < b for day in around for a, b in _spans(day, calendar))


def known_holidays(code: str) -> bool:
    """Say whether the holidays of `DE` or `US-CA` are known."""
    try:
        _holidays(code)
    except NotImplementedError:
        return False
    return True


def _counted(start: datetime, calendar: Calendar) -> Iterator[Span]:
    """Give the open spans from a moment on; raises NeverOpen when there are none for ten years."""
    total = NOTHING
    # The day before as well: in another zone it may not be over yet.
    first = start.astimezone(_zone(calendar.time_zone)).date() - timedelta(days=1)
    empty = 0
    while empty < FARTHEST:
        spans = _spans(first, calendar)
        empty = 0 if spans else empty + 1
        for opens, closes in spans:
            since = max(opens, start)
            if since < closes:
                total += closes - since
                yield Span(since, closes, total)
        first += timedelta(days=1)
    raise NeverOpen


@lru_cache(maxsize=8192)
def _spans(day: date, calendar: Calendar) -> tuple[tuple[datetime, datetime], ...]:
    zone = _zone(calendar.time_zone)
    found: list[tuple[datetime, datetime]] = []
    for opens, closes in _hours(day, calendar):
        start = datetime.combine(day, opens, zone).astimezone(UTC)
        end = datetime.combine(day, closes, zone).astimezone(UTC)
        # Where clocks jump, two spans may come to lie over each other: each moment counts once.
        start = max(start, found[-1][1]) if found else start
        if start < end:
            found.append((start, end))
    return tuple(found)


def _hours(day: date, calendar: Calendar) -> tuple[tuple[time, time], ...]:
    usual = calendar.hours[day.weekday()]
    if calendar.holidays is None:
        return usual
    known = _holidays(calendar.holidays)
    if day in known:  # looking also makes the year known, with its make-up days
        return ()
    if day in known.weekend_workdays:
        return usual or next(filter(None, calendar.hours), ())
    return usual


@lru_cache(maxsize=256)
def _holidays(code: str) -> Any:
    country, _, subdivision = code.partition("-")
    return country_holidays(country, subdiv=subdivision or None)


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
