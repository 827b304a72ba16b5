"""How a value is read as a moment, and what is doubtful about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

_MICROSECONDS_FROM = 100_000_000_000_000
_MILLISECONDS_FROM = 100_000_000_000
_SECONDS_FROM = 100_000_000
_SECONDS_TO = 99_999_999_999_999_999
_DIGITS = re.compile(r"\d{10}|\d{13}|\d{16}")
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{8}|\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"([01]\d|2[0-3])(:?[0-5]\d){1,2}")
_FORMS = (
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y, %H:%M", "%d.%m.%Y"),
    *("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M"),
    *("%Y/%m/%d", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日", "%Y%m%d%H%M%S"),
    *("%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %z"),
)
_OTHER = 'where it is another, write that in place of "UTC", such as "Europe/Berlin"'
_NO_ZONE = f"the time names no zone, UTC is assumed; {_OTHER}"
_NO_TIME = f"a day without a time, taken as its beginning in UTC; {_OTHER}"


class Reading(NamedTuple):
    """The expression of a moment with {} for the value, and what a person should look at."""

    template: str
    doubt: str = ""


def reading(values: Sequence[Any]) -> Reading | None:
    """Return the one way in which all of these are moments."""
    if all(_is_number(value) for value in values):
        return _since_1970([float(value) for value in values])
    if not all(isinstance(value, str) for value in values):
        return None
    if all(_ZONED.fullmatch(value) and _of_iso(value) for value in values):
        return Reading("timestamp({})")
    return _local(values)


def beside(days: Sequence[Any], clocks: Sequence[Any]) -> Reading | None:
    """Return how a day in one field and a time of day in another are a moment."""
    fit = all(isinstance(each, str) and _DAY.fullmatch(each) and _of_iso(each) for each in days)
    if fit and all(isinstance(each, str) and _CLOCK.fullmatch(each) for each in clocks):
        pairs = [_of_iso(f"{day}T{clock}") for day, clock in zip(days, clocks, strict=True)]
        return Reading('local_time({} + "T" + {}, "UTC")', _NO_ZONE) if all(pairs) else None
    return None


def is_day(value: Any) -> bool:
    """Whether this is a day without a time."""
    return isinstance(value, str) and _DAY.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _DIGITS.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18


def _since_1970(values: Sequence[float]) -> Reading | None:
    least, most = min(values), max(values)
    if least < _SECONDS_FROM or most > _SECONDS_TO:
        return None
    found = {_unit(value) for value in (least, most)}
    return Reading(f"{found.pop()}({{}})") if len(found) == 1 else None


def _unit(value: float) -> str:
    if value >= _MICROSECONDS_FROM:
        return "micros"
    return "millis" if value >= _MILLISECONDS_FROM else "seconds"


def _local(values: Sequence[str]) -> Reading | None:
    moments = [_of_iso(value.strip()) for value in values]
    if all(moments):
        zoned = all(each.tzinfo is not None for each in moments if each)
        day = all(is_day(value) for value in values)
        doubt = "" if zoned else _NO_TIME if day else _NO_ZONE
        return Reading('local_time({}, "UTC")', doubt)
    for form in _FORMS:
        if all(_has(value, form) for value in values):
            doubt = "" if "%z" in form else _NO_ZONE if "%H" in form else _NO_TIME
            return Reading(f'local_time({{}}, "UTC", "{form}")', doubt)
    return None


def _of_iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if 1971 < found.year < 9000 else None


def _has(text: str, form: str) -> bool:
    try:
        return 1971 < datetime.strptime(text, form).year < 9000  # noqa: DTZ007  (the form may have no zone)
    except ValueError:
        return False
