"""What a shortcut tells is what the engine says, whatever the rule and whatever it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.fields import RESPONSE_RULES, SIGNAL_RULES
from shared.rules import Condition, InvalidRule, RuleFailed
from tests.support.clock import START

PATHS = ("signal.attributes.a", 'signal.attributes["b"]', "signal.attributes.a.b")
SIGNS = ("==", "!=", "<", "<=", ">", ">=")
NUMBERS = ("0", "1", "-1", "2", "01", "1.5", "-0.0", "999999999999999", "9007199254740993")
WORDS = ('"x"', "'x'", '""', '"y"')


def _clauses() -> st.SearchStrategy[str]:
    numbers, words = st.sampled_from(NUMBERS), st.sampled_from(WORDS)
    lists = st.lists(numbers, min_size=1, max_size=3) | st.lists(words, min_size=1, max_size=3)
    paths = st.sampled_from((*PATHS, "signal.correlation"))
    compared = st.builds(" ".join, st.tuples(paths, st.sampled_from(SIGNS), numbers | words))
    among = st.builds(lambda path, given: f"{path} in [{', '.join(given)}]", paths, lists)
    return compared | among


RULES = st.lists(_clauses(), min_size=1, max_size=3).flatmap(
    lambda clauses: st.sampled_from((" && ", " || ")).map(lambda sign: sign.join(clauses))
)
EDGES = (0, 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1)
VALUES = (
    st.sampled_from((*EDGES, 1.0, 1.5, -0.0, float(2**53), "x", "y", "", "x\x00y", "1"))
    | st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=3)
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from("abc"),
    VALUES | st.lists(VALUES, max_size=2) | st.fixed_dictionaries({"b": VALUES}),
)


def outcome(condition: Condition, inputs: Mapping[str, Any]) -> bool | str:
    try:
        return condition.holds(inputs)
    except RuleFailed as error:
        return str(error)


def compiled(rule: str) -> Condition | None:
    """The rule, unless the engine sees at once that it compares a text with a number."""
    try:
        return SIGNAL_RULES.condition(rule)
    except InvalidRule:
        return None


@given(rule=RULES, attributes=ATTRIBUTES, correlation=st.sampled_from((None, "", "x", "x\x00")))
def test_what_a_shortcut_tells_is_what_the_engine_says(
    rule: str, attributes: Mapping[str, Any], correlation: str | None
) -> None:
    condition = compiled(rule)
    if condition is None:
        return
    signal = {"signal": "s", "source": "x", "customer_id": "c", "occurred_at": START}
    signal |= {"correlation": correlation, "attributes": attributes}
    inputs = {"signal": signal, "profile": {"value": 0.0}}
    told = outcome(condition, inputs)
    assert told == outcome(replace(condition, _shortcut=None), inputs)


@pytest.mark.parametrize(
    ("rule", "attributes", "told"),
    [
        ("signal.attributes.a == 1", {"a": 1}, True),
        ("signal.attributes.a == 1", {"a": 1.0}, True),
        ("signal.attributes.a == 1", {"a": 2}, False),
        ("signal.attributes.a > 2 && signal.attributes.b in ['x']", {"a": 3, "b": "x"}, True),
        ("signal.attributes.a > 2 && size(signal.attributes) > 1", {"a": 2}, False),
        ("signal.attributes.a > 2 && size(signal.attributes) > 1", {"a": 3}, None),
        ("signal.attributes.a == 1", {"a": True}, None),
        ("signal.attributes.a == 1", {"a": 2**53 + 1}, None),
        ("signal.attributes.a == 1", {}, None),
        ("signal.attributes.a == 'x'", {"a": "x\x00y"}, None),
    ],
)
def test_a_shortcut_tells_what_one_look_tells(
    rule: str, attributes: Mapping[str, Any], told: bool | None
) -> None:
    shortcut = SIGNAL_RULES.condition(rule)._shortcut  # noqa: SLF001  (that it is taken is the point)
    assert shortcut is not None
    assert shortcut({"signal.attributes": attributes}) is told


@pytest.mark.parametrize("score", [0, 2, 3, 10])
def test_numbers_that_are_no_attributes_are_looked_at_too(score: int) -> None:
    condition = RESPONSE_RULES.condition("response.score <= 2")
    assert condition._shortcut is not None  # noqa: SLF001  (that it is taken is the point)
    assert condition._shortcut({"response.score": score}) is (score <= 2)  # noqa: SLF001  (as above)
