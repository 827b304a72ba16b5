"""JSON is read quickly, and as Python's own reader reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared import plain_json
from shared.plain_json import Glance, NotPlain

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**17, 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab\u5feb "), inner),
    max_leaves=20,
)


@given(data=JSON, ascii_only=st.booleans(), indent=st.sampled_from((None, 2)))
def test_whatever_is_json_comes_out_as_it_went_in(data: Any, ascii_only: bool, indent: int) -> None:
    written = json.dumps(data, ensure_ascii=ascii_only, indent=indent).encode()
    assert repr(plain_json.read(written, "the body")) == repr(json.loads(written))


@given(text=st.text('0123456789+-.eE "\\\\u{}[]:,ntrufalsNI\ufeff\x01', max_size=12))
@example(text='{"a": 1, "a": 2}')
@example(text="1e999")
@example(text="-0")
@example(text="9" * 4301)
@example(text="[" * 2000)
@example(text='"\\ud83d\\ude00"')
@example(text='"\\ude00\\ud83d"')
def test_what_is_taken_is_what_pythons_own_reader_takes(text: str) -> None:
    try:
        expected: Any = json.loads(text.removeprefix("\ufeff"), parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError, RecursionError):
        expected = NotPlain
    found, refused = outcome(text.encode())
    # Half characters and U+0000 Python takes; rules would choke on them.
    if "surrogate" not in refused and "U+0000" not in refused:
        assert repr(found) == repr(expected)


def outcome(value: bytes) -> tuple[Any, str]:
    try:
        return plain_json.read(value, "the body"), ""
    except NotPlain as error:
        return NotPlain, str(error)


NAMES = ("a", "\u5feb", "b c")
BODIES = st.dictionaries(st.sampled_from((*NAMES, "d")), JSON)


@given(body=BODIES, junk=st.binary(max_size=3), at=st.integers(0, 400), indent=st.booleans())
def test_a_glance_tells_nothing_that_reading_does_not(
    body: Any, junk: bytes, at: int, indent: bool
) -> None:
    written = json.dumps(body, ensure_ascii=False, indent=2 if indent else None).encode()
    value = written[:at] + junk + written[at:]
    seen = Glance(NAMES)(value)
    if seen is not None:
        read = plain_json.read(value, "the body")
        assert repr(seen) == repr({name: read.get(name) for name in sorted(NAMES)})
    assert not isinstance(seen, dict) or set(seen) == set(NAMES)


@pytest.mark.parametrize(
    "value",
    [
        b"[]", b"7", b"", b"\x00\x00\x00\x00\x07",
        b'{"a": "\\u0000"}', b'{"d": "\xff"}', b'{"a": 1',
        b'{"d": NaN}', b'{"d": ' + b"1" * 5000 + b"}", b'{"d": ' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"d": ' + b'{"a":' * 65 + b"1" + b"}" * 66,
    ],
)  # fmt: skip
def test_of_what_reading_may_refuse_a_glance_tells_nothing(value: bytes) -> None:
    assert Glance(NAMES)(value) is None


def test_a_glance_takes_the_last_of_equal_names() -> None:
    assert Glance(["a"])(b'{"a": 1, "x": [{"a": 3}], "a": {"b": 2}}') == {"a": {"b": 2}}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "is not JSON: Expecting value at line 1, column 1"),
        (b'{"a": NaN}', "holds NaN, which is not JSON"),
        (b'{"a": -Infinity}', "holds -Infinity, which is not JSON"),
        (b'{"a": "\xff"}', "is not text in UTF-8 (byte 7)"),
        (b"1" * 5000, "holds a number that is too long"),
        (b"[" * 70 + b"]" * 70, "is nested deeper than 64 levels"),
        (b"[" * 100_000, "is nested deeper than 64 levels"),
        (b'{"a": "x\\u0000"}', "holds the character U+0000 inside a text"),
        (b'{"a": "\\ud800"}', "holds half a character (a lone surrogate)"),
    ],
)
def test_what_is_no_json_is_told_in_one_line(value: bytes, says: str) -> None:
    with pytest.raises(NotPlain) as raised:
        plain_json.read(value, "the body")
    assert str(raised.value) == f"the body {says}"
