"""A first look at a line says what reading it would say: only sooner."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ask.backtest import said
from services.ask.backtest.said import Look, from_line, look, look_of
from shared.errors import UnreadableMessage
from tests.support.clock import START
from tests.unit.ask.moments import NAMES
from tests.unit.ask.test_backtest import an_event

EVERYTHING = frozenset(NAMES)
MOMENTS = (
    *("2026-03-02T08:00:00Z", "2026-03-02 08:00:00+02:00", "2026-03-02t08:00:00z", "2026-03-02"),
    *("2026-03-02T08:00Z", "2026-03-02T08:00:00", "20260302T080000Z", "2026-W10-1T00:00:00Z"),
    *("2026-03-02T08:00:00.123456Z", "2026-03-02T08:00:00.1234569Z", "1772438400", "soon"),
    *("2026-03-02T08:00:00.1234565+00:00", "2026-03-02T23:59:60Z", "2026-03-02T24:00:00Z"),
    *("2026-03-02T08:00:00.1+05:30", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"),
)
ODD = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
    | st.sampled_from(["\ud800", "\x00", "x" * 129, "x" * 257, "x" * 513, [1], {"a": [{}]}])
    | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**30, 1e300])
)  # fmt: skip
FIELDS = ("source", "source_event_id", "customer_id", "occurred_at", "correlation", "attributes")


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A signal with something odd about it, perhaps."""
    event: dict[str, Any] = an_event("e1", attributes={"a": draw(ODD)})
    event["occurred_at"] = draw(st.sampled_from(MOMENTS))
    for field in draw(st.lists(st.sampled_from([*FIELDS, "more"]), max_size=2)):
        event[field] = draw(ODD | st.sampled_from(MOMENTS))
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
        event.pop(field, None)
    line = json.dumps(event, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    cut, end = draw(st.integers(0, len(line))), draw(st.sampled_from([b"", b"\n", b" x", b"\xff"]))
    return draw(st.sampled_from([line, line + end, line[:cut] + end + line[cut:], line[:cut]]))


def looked(line: bytes) -> Look | str | None:
    try:
        return look(line, EVERYTHING)
    except UnreadableMessage as error:
        return str(error)


def read(line: bytes) -> Look | str | None:
    try:
        found = from_line(line, EVERYTHING)
    except UnreadableMessage as error:
        return str(error)
    return look_of(found) if found else None


@given(lines())
def test_a_look_tells_what_reading_tells_or_refuses_in_the_same_words(line: bytes) -> None:
    assert looked(line) == read(line)


def test_a_signal_without_anything_odd_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "from_line", pytest.fail)
    line = json.dumps(an_event("e1", attributes={"region": "north", "late": True})).encode()
    assert look(line, EVERYTHING) == Look(START)


def test_a_time_that_no_calendar_holds_in_utc_is_refused_in_one_line() -> None:
    line = json.dumps({**an_event("e1"), "occurred_at": "0001-01-01T00:00:00+05:00"}).encode()
    with pytest.raises(UnreadableMessage, match="occurred_at: Value error, is out of range in UTC"):
        from_line(line, EVERYTHING)
