"""Rules say true, false or why not; a wrong one is refused at load with its column."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.rules import (
    Condition,
    Expects,
    InvalidRule,
    RuleFailed,
    Rules,
    VarType,
)

RAW = Rules({"headers": "texts", "body": "dyn", "key": "string"})
SIGNAL_VARIABLES: dict[str, VarType] = {
    "signal.signal": "string",
    "signal.occurred_at": "timestamp",
    "signal.score": "int",
    "signal.attributes": "map",
}
SIGNAL = Rules(SIGNAL_VARIABLES)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def signal(**fields: Any) -> dict[str, Any]:
    known = {"signal": "order.delivered", "occurred_at": NOON, "score": 3, "attributes": {}}
    return {"signal": {**known, **fields}}


@pytest.mark.parametrize(
    ("text", "body", "answer"),
    [
        pytest.param("body.a == 1", {"a": 1}, True, id="equal"),
        pytest.param("body.a == 1", {"a": 2}, False, id="not equal"),
        pytest.param("has(body.a) && body.a > 1", {}, False, id="an absent field asked for"),
        pytest.param("body.l.exists(x, x > 1)", {"l": [1, 2]}, True, id="one loop"),
        pytest.param("body.l.map(x, x + 1).exists(x, x > 2)", {"l": [2]}, True, id="two in a row"),
        pytest.param('body.a == null || body.a == ""', {"a": None}, True, id="null"),
    ],
)
def test_a_condition_is_true_or_false(text: str, body: Any, answer: bool) -> None:
    assert RAW.condition(text).holds({"body": body}) is answer


@pytest.mark.parametrize(
    ("text", "body", "reason"),
    [
        pytest.param("body.a == 1", {}, "^body.a is absent$", id="absent field"),
        pytest.param("body.a > 1", {"a": "x"}, "No matching overloads", id="wrong type"),
        pytest.param(
            "body.a.or(body.?b).orValue(1) == 1",
            {"a": 1},
            r"takes what may be absent: a\.\?b",
            id="or",
        ),
        pytest.param("1 / body.a == 1", {"a": 0}, "divide by zero", id="division by zero"),
        pytest.param("body.a == 1", {"a": 2**80}, "out of range", id="number out of range"),
        pytest.param('body.a == "x"', {"a": "\ud800"}, "not plain data", id="half a character"),
        pytest.param('body.a == "x"', {"a": object}, "Non-CEL value", id="not data"),
        pytest.param("body.a == 1", {"a": "x" * 8192}, "at most 8192", id="inputs too large"),
        pytest.param('body.a == "x"', {"a": "快" * 2800}, "at most 8192", id="counted in bytes"),
    ],
)
def test_an_error_is_never_false(text: str, body: Any, reason: str) -> None:
    with pytest.raises(RuleFailed, match=reason):
        RAW.condition(text).holds({"body": body})


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        pytest.param("body.a ==", 10, "Syntax error", id="unfinished"),
        pytest.param("bdy.a == 1", 4, "`bdy.a` is not known here, did you mean `body`", id="typo"),
        pytest.param("size(key)", 1, "gives a whole number, a condition must give true", id="int"),
        pytest.param("body.a", 1, "known only at run time", id="maybe not true or false"),
        pytest.param("key == 1", 5, "found no matching overload", id="types that never match"),
        pytest.param('body.客 == "x"', 6, 'stands in brackets: body["…"]', id="other letters"),
        pytest.param(" ", 1, "empty, write an expression", id="blank"),
        pytest.param(f'key == "{"x" * 1016}"', 1, "1025 bytes long", id="one byte too long"),
        pytest.param(
            "body.l.all(x, x.all(y, y > 0))", 20, "a loop inside a loop", id="nested loop"
        ),
        pytest.param(
            'r"\\" == key && body.l.all(x, [1].all(y, y > 0))',
            37,
            "a loop inside a loop",
            id="nested loop behind a raw text",
        ),
        pytest.param(
            "body.l.all(x, (true && x . map ( y, y) == [1]))", 32, "a loop inside", id="spaced out"
        ),
        pytest.param(
            "has(key)", 1, '`key` is always there, compare it instead: key != ""', id="has"
        ),
    ],
)
def test_a_wrong_condition_is_refused_with_its_column(text: str, column: int, message: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        RAW.condition(text)
    assert message in caught.value.message
    assert caught.value.column == column
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '"l.all(x, l.all(y, y))" == key',
        "'''l.all(x, l.all(y, y))''' == key",
        "key == 'a' // l.all(x, l.all(y, y",
        f'key == "{"x" * 1015}"',
        "has(body.key)",
    ],
    ids=["loops in a text", "loops in a long text", "loops in a comment", "1024 bytes", "has"],
)
def test_what_only_looks_wrong_is_accepted(text: str) -> None:
    assert RAW.condition(text).text == text


@pytest.mark.parametrize(
    ("text", "expects", "body", "value"),
    [
        ('body.a + "/" + string(body.n)', "string", {"a": "x", "n": 1}, "x/1"),
        ("int(body.n)", "int", {"n": "7"}, 7),
        ("double(body.n)", "double", {"n": 7}, 7.0),
        ("body.n", "int", {"n": 7}, 7),
        ("body.n", "json", {"n": None}, None),
        ("body.n", "json", {"n": [{"a": 1.5}]}, [{"a": 1.5}]),
        ("timestamp(body.at)", "json", {"at": "2026-03-02T12:00:00Z"}, "2026-03-02T12:00:00+00:00"),
        ('timestamp(body.at + "Z")', "timestamp", {"at": "2026-03-02T12:00:00"}, NOON),
        ("timestamp(body.at)", "timestamp", {"at": "2026-03-02T20:00:00+08:00"}, NOON),
    ],
)
def test_an_expression_gives_a_python_value(
    text: str, expects: Expects, body: Any, value: Any
) -> None:
    given_value = RAW.expression(text, expects).value({"body": body})
    assert given_value == value
    assert type(given_value) is type(value)


def test_times_come_back_in_utc() -> None:
    value = RAW.expression('timestamp("2026-03-02T20:00:00+08:00")', "timestamp").value({})
    assert value.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("text", "expects", "body", "reason"),
    [
        pytest.param("body.a", "string", {"a": 1}, r"wrap it in string\(", id="number"),
        pytest.param("body.a", "int", {"a": 3.0}, r"wrap it in int\(", id="fraction"),
        pytest.param("body.a", "int", {"a": True}, r"wrap it in int\(", id="true is no number"),
        pytest.param("body.a", "timestamp", {"a": "2026"}, r"wrap it in timestamp\(", id="text"),
        pytest.param("body.a", "string", {"a": None}, "^body.a is null$", id="null"),
        pytest.param(
            "timestamp(body.a)",
            "timestamp",
            {"a": "2026-03-02T12:00:00"},
            "not a time with a zone",
            id="no zone",
        ),
        pytest.param("0.0 / double(body.a)", "json", {"a": 0}, "cannot travel", id="not a number"),
    ],
)
def test_an_unfit_value_is_an_error(text: str, expects: Expects, body: Any, reason: str) -> None:
    with pytest.raises(RuleFailed, match=reason):
        RAW.expression(text, expects).value({"body": body})


def test_only_an_optional_expression_may_give_null() -> None:
    optional = RAW.expression("body.a", "string", optional=True)
    assert optional.value({"body": {"a": None}}) is None
    with pytest.raises(RuleFailed, match="^body.a is absent$"):
        optional.value({"body": {}})


def test_an_expression_of_the_wrong_type_is_refused_at_load() -> None:
    with pytest.raises(InvalidRule, match=r"gives a text, .* whole number, wrap it in int\("):
        RAW.expression("string(body.a)", "int")


def test_a_constant_is_known_without_inputs() -> None:
    assert RAW.expression('"deliv" + "ered"', "string").constant() == "delivered"
    assert RAW.expression("body.touchpoint", "string").constant() is None


def test_dotted_names_are_checked_at_load() -> None:
    with pytest.raises(InvalidRule, match=r"`signal.scor` is not known .*`signal.score`"):
        SIGNAL.condition("signal.scor == 1")
    with pytest.raises(InvalidRule, match="no matching overload"):
        SIGNAL.condition('signal.score == "1"')


@pytest.mark.parametrize(
    ("text", "fields", "answer"),
    [
        ('signal.signal == ""', {"signal": None}, True),
        ("has(signal.attributes.late)", {"attributes": None}, False),
        ('signal.occurred_at == timestamp("2026-03-02T12:00:00Z")', {}, True),
        ('signal.attributes.at == "2026-03-02T12:00:00+00:00"', {"attributes": {"at": NOON}}, True),
        (
            'signal.attributes.l[0] == "2026-03-02T12:00:00+00:00"',
            {"attributes": {"l": (NOON,)}},
            True,
        ),
        (
            'signal.occurred_at == timestamp("2026-03-02T12:00:00Z")',
            {"occurred_at": NOON.astimezone(timezone(timedelta(hours=8)))},
            True,
        ),
    ],
)
def test_inputs_are_nested_and_absent_ones_are_empty(
    text: str, fields: dict[str, Any], answer: bool
) -> None:
    assert SIGNAL.condition(text).holds(signal(**fields)) is answer


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"score": None}, "`signal.score` is missing"),
        ({"occurred_at": datetime(2026, 3, 2)}, "must be a time with a zone"),  # noqa: DTZ001 - the point
        ({"occurred_at": "2026-03-02T12:00:00Z"}, "must be a time with a zone"),
    ],
)
def test_inputs_that_cannot_be_guessed_fail_the_rule(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(RuleFailed, match=reason):
        SIGNAL.condition("signal.score == 3").holds(signal(**fields))


def test_prepared_inputs_serve_many_rules() -> None:
    inputs = RAW.bind({"body": {"a": 1}, "key": "k"})
    assert RAW.condition("body.a == 1").holds(inputs)
    assert RAW.expression("key", "string").value(inputs) == "k"


def test_a_known_size_is_believed_instead_of_measured() -> None:
    with pytest.raises(RuleFailed, match="inputs of 8193 bytes"):
        RAW.bind({"body": {}}, size=8193)
    assert RAW.condition('key == ""').holds(RAW.bind({"body": {"a": "x" * 9000}}, size=8192))


@pytest.mark.parametrize(
    "rule",
    [
        'body.a == "x"',
        "body[\"a\"] == 'x' && body.b == 'y'",
        'body.a in ["x", "y"] && body.b != "y"',
        'body.a == "x" && body.b == "y" || body.b == "z"',
        'body.a == "x" ? body.b == "y" : body.b == "z"',
        'body.a == "x" && body.?b.orValue("") == "y"',
        'headers["a"] == "x" && body.b in ["y"]',
        'key == "x" && body.a == "x"',
        r'body.a == "\x78" && body.b == "y"',
        'body.a.b == "x"',
    ],
)
def test_a_shortcut_says_what_the_engine_says(rule: str) -> None:
    condition = RAW.condition(rule)
    slow = replace(condition, _shortcut=None)
    odd = (*"xyz", None, 1, True, ["x"], {"b": "x"})
    bodies = [{"a": a, "b": b} for a in odd for b in odd]
    for body in [*bodies, *({"a": a} for a in odd), *odd]:
        for headers in ({"a": "x"}, {"a": "y"}, {}):
            inputs = {"body": body, "headers": headers, "key": "x"}
            assert _outcome(condition, inputs) == _outcome(slow, inputs), inputs


def _outcome(condition: Condition, inputs: Any) -> bool | str:
    try:
        return condition.holds(inputs)
    except RuleFailed as error:
        return str(error)


def test_values_that_came_as_json_are_not_walked_through() -> None:
    body = {"deep": [{"at": NOON}]}
    walked, bare = RAW.bind({"body": body}), RAW.bind({"body": body}, size=9, travelled=True)
    assert walked.data["body"] == {"deep": [{"at": NOON.isoformat()}]}
    assert bare.data["body"] is body


def test_times_inside_a_list_that_a_rule_gives_travel_as_texts() -> None:
    made = RAW.expression('[timestamp("2026-03-02T08:00:00Z")]', "json").value({})
    assert made == ["2026-03-02T08:00:00+00:00"]


# PostgreSQL takes no zero character either, and the library ends a text there.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


@given(body=JSON)
def test_plain_data_passes_through_unchanged(body: Any) -> None:
    assert RAW.expression("body", "json").value({"body": body}) == body


@given(text=st.text(max_size=60), body=JSON)
def test_any_text_is_a_rule_or_refused(text: str, body: Any) -> None:
    with suppress(InvalidRule, RuleFailed):
        assert isinstance(RAW.condition(text).holds({"body": body}), bool)


@pytest.mark.parametrize("body", [None, [None, None], {"a": None}], ids=repr)
def test_nulls_do_not_use_up_the_interpreters_own_none(body: Any) -> None:
    expression = RAW.expression("body.value", "json")
    inputs = RAW.bind({"body": {"value": body}})
    before = sys.getrefcount(None)
    for _ in range(1000):
        expression.value(inputs)
    assert sys.getrefcount(None) > before - 200
