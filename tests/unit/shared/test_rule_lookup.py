"""What is told by hand is what the engine says, of the same type and in the same words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import FUNCTIONS, Expects, Expression, InvalidRule, RuleFailed, Rules

RULES = Rules({"headers": "texts", "body": "dyn", "key": "string"}, functions=FUNCTIONS)
LOOKED_UP = (
    "body.a", 'body["a"]', "body.a.b", 'headers["a"]', "body.?a", "body.?a.b", "body.?a.?b",
    'body[?"a"]', 'headers[?"a"]', "body.a.?b", "body.?c.?d",
)  # fmt: skip
CONVERTED = (
    "timestamp(body.a)", "int(body.a)", "double( body.a )", "string(body.a)", "string(body.a.b)",
    "seconds(body.a)", "millis(body.a)", "micros(body.a)", "money(body.a)",
    'minor(body.a, "EUR")', "minor(body.a, body.b)", 'local_time(body.a, "Europe/Berlin")',
    'local_time(body.a, body.b, "%d.%m.%Y")',
)  # fmt: skip
JOINED = (
    'body.a + "/" + body.b', 'string(body.a) + "/" + string(body.b)', "body.a + body.b",
    '"x" + headers["a"]', "body.a+string(body.b)",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    "x", "", 0, 1, -1, 1.5, -0.0, 1e300, True, None, [], [1], {}, {"b": "y"}, {"b": None}, {"b": 7},
    2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**70, -(2**63), -(2**63) - 1,
    "1", "-1", "+1", "007", " 1", "1.5", ".5", "5.", "1e5", "inf", "nan", "-0", "\u0661", "1" * 19,
    "123456789012345.123456789012345", "54.20", "0.1", "1.299,00 EUR", "EUR", "Europe/Berlin",
    "2026-03-02T08:00:00Z", "2026-03-02t08:00:00z", "2026-03-02T08:00:00.5+01:00",
    "2026-03-02T08:00:00.123456789Z", "2026-02-30T00:00:00Z", "2026-03-02T24:00:00Z",
    "2026-03-02T08:00:60Z", "2026-03-02T08:00:00+24:00", "2026-03-02T08:00:00+23:59",
    "2026-03-02T08:00:00+14:60", "0001-01-01T00:00:00+01:00", "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-01:00", "2026-03-02 08:00:00", "2026-03-02T08:00:00", "02.03.2026",
    1772438400, 1772438400000, 1772438400.25, 10**12, "1772438400", "\u5feb",
)  # fmt: skip
EXPECTED: tuple[Expects, ...] = ("string", "int", "double", "bool", "timestamp", "json")


def outcome(expression: Expression, inputs: Any) -> tuple[type, Any]:
    try:
        value = expression.value(inputs)
    except RuleFailed as error:
        return RuleFailed, str(error)
    return type(value), repr(value)


def pairs(text: str) -> list[tuple[Expression, Expression]]:
    """Each way in which a rule may stand in the catalog, with and without what is told by hand."""
    found: list[tuple[Expression, Expression]] = []
    for expects in EXPECTED:
        for optional in (False, True):
            try:
                expression = RULES.expression(text, expects, optional=optional)
            except InvalidRule:
                continue
            assert expression._lookup is not None
            found.append((expression, replace(expression, _lookup=None)))
    return found


@pytest.mark.parametrize("text", [*LOOKED_UP, *CONVERTED, *JOINED])
def test_what_is_told_by_hand_is_what_the_engine_says(text: str) -> None:
    bodies = [{"a": a, "b": b} for a in ODD for b in ("x", 1, None, "EUR", "Europe/Berlin")]
    compiled = pairs(text)
    assert compiled
    for body in [*bodies, {"b": "x"}, {}, None, [], "x", 7]:
        for headers in ({"a": "z"}, {}) if "headers" in text else ({"a": "z"},):
            inputs = {"body": body, "headers": headers, "key": "k"}
            for quick, slow in compiled:
                said = outcome(slow, inputs)
                # A number too large for the engine fails rules that do not read it, too.
                if "out of range for" not in str(said[1]) or "body.a" in text:
                    assert outcome(quick, inputs) == said, (quick.expects, inputs)


@given(value=st.from_regex(r"\A[-+]?[0-9]{0,20}(\.[0-9]{0,20})?(e[0-9]{1,3})?\Z") | st.floats())
def test_numbers_are_read_to_the_last_digit(value: Any) -> None:
    for text in ("double(body.a)", "int(body.a)", "seconds(body.a)"):
        for quick, slow in pairs(text):
            inputs = {"body": {"a": value}, "headers": {}, "key": ""}
            assert outcome(quick, inputs) == outcome(slow, inputs)


@pytest.mark.parametrize(
    "text",
    ["body.a.size()", "body.a[0]", "json(body.a).b", "hash(body)", "-body.a", "body.a // b",
     "first(body.a)", "body.a == 1", 'r"\\d" + body.a', "key", "body.a + 1"],
)  # fmt: skip
def test_anything_else_is_left_to_the_engine(text: str) -> None:
    assert RULES.expression(text)._lookup is None
