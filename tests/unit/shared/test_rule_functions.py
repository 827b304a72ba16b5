"""What rules can do besides CEL, and what is as good as absent to them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.rules import FUNCTIONS, Expects, InvalidRule, RuleFailed, Rules

RULES = Rules({"body": "dyn", "headers": "texts"}, functions=FUNCTIONS)
NINE = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
STAMP = 1_769_851_800


def value(text: str, body: Any, expects: Expects = "json", *, optional: bool = True) -> Any:
    rule = RULES.expression(text, expects, optional=optional)
    return rule.value({"body": body, "headers": {"x-topic": "orders/create"}})


@pytest.mark.parametrize(
    ("text", "given"),
    [
        pytest.param("seconds(body)", STAMP, id="whole seconds"),
        pytest.param("seconds(body)", float(STAMP), id="seconds as a fraction"),
        pytest.param("seconds(body)", f" {STAMP} ", id="seconds as a text"),
        pytest.param("millis(body)", STAMP * 1000, id="milliseconds"),
        pytest.param("millis(body)", f"{STAMP}000.0", id="milliseconds as a text"),
        pytest.param("micros(body)", STAMP * 1_000_000, id="microseconds"),
        pytest.param('local_time(body, "Europe/Berlin")', "2026-01-31 10:30:00", id="a blank"),
        pytest.param('local_time(body, "Europe/Berlin")', "2026-01-31T10:30:00.000", id="a T"),
        pytest.param('local_time(body, "Europe/Berlin")', "2026-01-31T04:30:00-05:00", id="own"),
        pytest.param('local_time(body, "Asia/Kolkata", "%d/%m/%Y %H:%M")', "31/01/2026 15:00"),
        pytest.param("has(body.x) ? timestamp(0) : millis(body.ms)", {"ms": STAMP * 1000}),
        pytest.param("has(body.x) ? millis(body.x) : seconds(body.s)", {"s": STAMP}, id="lazy"),
    ],
)
def test_times_of_all_kinds_become_moments(text: str, given: Any) -> None:
    assert value(text, given, "timestamp", optional=False) == NINE


def test_of_an_hour_that_the_clocks_repeat_the_first_is_meant() -> None:
    found = value('local_time(body, "Europe/Berlin")', "2026-10-25 02:30:00", "timestamp")
    assert found == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "amount"),
    [
        (12, 12.0),
        (12.5, 12.5),
        ("409.94", 409.94),
        ("1,299.00", 1299.0),
        ("1.299,00 EUR", 1299.0),
        ("12,50 €", 12.5),
        ("1,299", 1299.0),
        ("1.234.567", 1234567.0),
        ("1'299.50", 1299.5),
        ("US$ 3.10", 3.1),
        ("-4.00", -4.0),
        ("(12.50)", -12.5),
    ],
)
def test_an_amount_is_read_as_people_and_programs_write_it(given: Any, amount: float) -> None:
    assert value("money(body)", given, "double") == amount


@pytest.mark.parametrize(("currency", "amount"), [("eur", 12.99), ("JPY", 1299.0), ("KWD", 1.299)])
def test_minor_units_depend_on_the_currency(currency: str, amount: float) -> None:
    assert value("minor(body.a, body.c)", {"a": 1299, "c": currency}, "double") == amount


@pytest.mark.parametrize(
    ("text", "body", "found"),
    [
        pytest.param("json(body.meta).key", {"meta": '{"key": "CATALOG"}'}, "CATALOG", id="json"),
        pytest.param("json(json(body)).a", '"{\\"a\\": 1}"', 1, id="json in json"),
        pytest.param("first(body.l).n", {"l": [{"n": 1}, {"n": 2}]}, 1, id="first of a list"),
        pytest.param("first(body.l).n", {"l": {"n": 1}}, 1, id="first of no list"),
        pytest.param("first(body.l)", {"l": []}, None, id="first of nothing"),
        pytest.param("many(body.l).map(x, x.n)", {"l": {"n": 1}}, [1], id="one is many"),
        pytest.param("many(body.?l).size()", {}, 0, id="none is many"),
        pytest.param("money(body.?discount)", {"discount": None}, None, id="null gives null"),
        pytest.param("decimal(body.a, 2)", {"a": "AfUk"}, 1282.92, id="Debezium's decimal"),
        pytest.param("decimal(body.a, 0)", {"a": "/w=="}, -1.0, id="a negative decimal"),
        pytest.param(
            "decimal(body.a)", {"a": {"scale": 3, "value": "AfUk"}}, 128.292, id="its own scale"
        ),
        pytest.param("decimal(body.?a, 2)", {"a": None}, None, id="no decimal"),
        pytest.param("body.?a.?b", {"a": None}, None, id="a null on the way is absent"),
        pytest.param("body.?a.b", {"a": {"b": 3}}, 3, id="there all the same"),
        pytest.param('body.?a.?b.orValue("x")', {}, "x", id="a default"),
        pytest.param('body[?"a b"].orValue("x")', {"a b": None}, "x", id="by index"),
        pytest.param("body.l[?0].?n.orValue(0)", {"l": [None]}, 0, id="a null in a list"),
        pytest.param("body.?a.or(body.?b)", {"b": 2}, 2, id="one or the other"),
        pytest.param('headers[?"x-other"].orValue("none")', {}, "none", id="an absent header"),
        pytest.param('body.t.split("/")[1].lowerAscii()', {"t": "a/B"}, "b", id="texts"),
        pytest.param("[?body.?a, 1]", {"a": None}, [1], id="an optional item"),
    ],
)
def test_what_payloads_need_is_there(text: str, body: Any, found: Any) -> None:
    assert value(text, body) == found


def test_the_same_content_has_the_same_hash_whatever_its_order() -> None:
    one = value("hash([body.a, body.b])", {"a": {"x": 1, "y": None}, "b": "快"})
    assert one == value("hash([body.a, body.b])", {"b": "快", "a": {"y": None, "x": 1}})
    assert one != value("hash([body.b, body.a])", {"a": {"x": 1, "y": None}, "b": "快"})
    assert len(one) == 32


@pytest.mark.parametrize(
    ("text", "body", "says"),
    [
        ("millis(body.at)", {"at": "ada@customers.example"}, "millis(body.at): not a number of"),
        ("seconds(body)", 1e300, "seconds(body): not a number of seconds since 1970"),
        ("seconds(body)", float("nan"), "seconds(body): not a number of seconds since 1970"),
        ("seconds(body)", True, "seconds(body): not a number of seconds since 1970"),
        ("millis(body.at)", {}, "body.at is absent"),
        ('local_time(body, "Mars/One")', "2026-01-31", "local_time(body): the zone is not one"),
        ('local_time(body, "UTC")', "ada", "local_time(body): the time is not like 2026-01-31"),
        ('local_time(body, "UTC", "%Y")', "ada", "local_time(body): the time does not have the"),
        ("money(body)", "ada lovelace 3", "money(body): not an amount of money"),
        (
            "decimal(body, 2)",
            "1.5",
            "decimal(body): not a decimal in base64, as Debezium writes it",
        ),
        ("decimal(body)", "AfUk", "decimal(body): not a decimal in base64 and its scale"),
        ("money(body)", "", "money(body): not an amount of money"),
        ('minor(body, "euro")', 3, "minor(body): not a currency, such as EUR"),
        ("json(body)", "{ada}", "json(body): the text is not JSON: "),
        ("json(body)", '"\\u0000"', "json(body): the text holds the character U+0000"),
        ("body.people[body.mail]", {"people": {}, "mail": "ada@x"}, "a key that it looks up is"),
        ("body.a.b.c", {"a": {"b": None}}, "body.a.b is null"),
        ("body.a.b.c", {"a": {"b": "ada"}}, "body.a.b is a text, not an object"),
        ("body.l[2].n", {"l": [1]}, "body.l[2] is absent"),
        ('body.a == "x" ? body.b : body["c d"]', {"a": "y"}, 'body["c d"] is absent'),
        ('"x".matches(body)', "(ada", "not a pattern: "),
    ],
)
def test_what_goes_wrong_is_said_without_a_word_of_the_input(
    text: str, body: Any, says: str
) -> None:
    with pytest.raises(RuleFailed) as raised:
        value(text, body)
    assert raised.value.reason.startswith(says)
    assert "ada" not in raised.value.reason


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("1 + millis(bdy.a)", 15, "`bdy.a` is not known here, did you mean `body`"),
        ("millis(true)", 8, "true or false, millis() takes a number here"),
        ('local_time("x")', 1, "local_time() takes (text, text)"),
        ("hash()", 1, "hash() takes (any)"),
        ("milis(body)", 6, "`milis` is not known here, did you mean `millis()`"),
        ("millis(body", 1, "`millis(` is not closed"),
        ("body.l.map(x, millis(x))", 22, "`x` is not known here"),
        ("first(1)" + " == first(1)" * 8, 97, "first() more than 8 times"),
    ],
)
def test_a_wrong_call_is_found_at_load(text: str, column: int, says: str) -> None:
    with pytest.raises(InvalidRule) as raised:
        RULES.expression(text)
    assert (raised.value.column, raised.value.message[: len(says)]) == (column, says)


def test_a_condition_needs_more_than_what_may_be_absent() -> None:
    with pytest.raises(InvalidRule):
        RULES.condition("body.?a")
    assert RULES.condition('body.?a.orValue("") == "x"').holds({"body": {"a": "x"}})


def test_calls_let_go_of_what_passes_through_them() -> None:
    rule = RULES.expression("hash(body.text)", "string")
    text = "x" * 100_000
    bound = RULES.bind({"body": {"text": text}}, size=0)
    before = _resident()
    for _ in range(1000):
        rule.value(bound)
    assert _resident() - before < 50, "100 MB went through"


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4 / 1024


def test_a_field_of_the_first_of_nothing_says_how_to_ask_for_it() -> None:
    rule = RULES.expression("first(body.l).?a.?b")
    with pytest.raises(RuleFailed, match=r"take list\[\?0\] for first\(list\)"):
        rule.value({"body": {"l": []}})
