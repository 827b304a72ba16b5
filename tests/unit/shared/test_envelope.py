"""Messages keep their meaning on the way; what is no message is said to be none."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import Event, decode, encode, stable_id
from shared.contracts.signals import Signal

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIGNAL = Signal(
    signal="billing.invoice.issued",
    source="billing",
    source_event_id="e-1",
    customer_id="c-1",
    occurred_at=AT,
    attributes={"sequence": 1, "nested": {"list": [1, "two", None]}},
)
EVENT = Event("id-1", "touchback/listen", "touchback.signal.v1", "c-1", AT, SIGNAL, "00-a-b-01")


def read(**changed: str | None) -> Event | None:
    headers, body = encode(EVENT)
    text = {name: (value or b"").decode() for name, value in headers}
    for name, value in changed.items():
        text.pop(name, None)
        if value is not None:
            text[name] = value
    return decode(text, body)


def test_an_event_comes_back_as_it_was() -> None:
    assert read() == EVENT


def test_a_type_of_a_newer_release_is_skipped() -> None:
    assert read(ce_type="touchback.signal.v2") is None


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type"])
def test_an_absent_attribute_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"header {name} is absent"):
        read(**{name: None})


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (None, "touchback.signal.v1: body: Invalid JSON"),
        (b"\xff", "touchback.signal.v1: body: Invalid JSON"),
        (b"[]", "touchback.signal.v1: body: Input should be an object"),
        (b"{}", r"touchback.signal.v1: signal: Field required \(and 4 more\)"),
    ],
)
def test_a_body_that_is_none_of_ours_is_refused(body: bytes | None, complaint: str) -> None:
    headers, _ = encode(EVENT)
    with pytest.raises(ValueError, match=complaint):
        decode({name: (value or b"").decode() for name, value in headers}, body)


def test_a_complaint_does_not_repeat_what_the_customer_said() -> None:
    headers, _ = encode(EVENT)
    with pytest.raises(ValueError, match="signal") as caught:
        decode({n: (v or b"").decode() for n, v in headers}, b'{"signal": ["secret words"]}')
    assert "secret words" not in str(caught.value)


def test_the_same_parts_make_the_same_id_and_others_another() -> None:
    assert stable_id("a", "b") == stable_id("a", "b")
    assert len({stable_id("a", "b"), stable_id("ab"), stable_id("a", "c")}) == 3


@given(parts=st.lists(st.text(st.characters(codec="utf-8"))))
def test_an_id_is_what_the_standard_makes_of_the_parts(parts: list[str]) -> None:
    ours = UUID("7d0ad2a6-2f0c-4d0e-9a39-5f1c1f6a2f11")
    assert stable_id(*parts) == str(uuid5(ours, "\x1f".join(parts)))
