"""Formats of source events: what rules get to see of each, and what is refused in which words."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.listen.formats import MAX_BYTES, MAX_DEPTH, read
from services.listen.model import Skipped, SourceEvent
from shared.catalog.fields import Format
from shared.errors import UnreadableMessage
from shared.records import Record

FULFILLED: dict[str, Any] = {"id": 4501, "customer": {"id": 88}, "total": "149.90"}
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
BINARY = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"/billing"),
    ("ce_type", b"invoice.issued"),
    ("content-type", b"application/json"),
)
ENVELOPE = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/billing",
    "type": "invoice.issued",
    "sequence": 3,
}
CHANGE: dict[str, Any] = {
    "before": None,
    "after": {"id": 7, "status": "solved"},
    "source": {"connector": "postgresql", "table": "tickets", "ts_ms": 1_700_000_000_000},
    "op": "c",
    "ts_ms": 1_700_000_000_500,
}


def record(
    value: object, headers: tuple[tuple[str, bytes | None], ...] = (), key: bytes | None = None
) -> Record:
    raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return Record("shop.events", 2, 11, 1_700_000_000_000, key, raw, headers)


def event(value: object, form: Format, **more: Any) -> SourceEvent:
    (found,) = read(record(value, **more), form)
    assert isinstance(found, SourceEvent)
    return found


def refusal(value: object, form: Format = "json", **more: Any) -> str:
    with pytest.raises(UnreadableMessage) as raised:
        read(record(value, **more), form)
    return str(raised.value)


def test_plain_json_is_the_body_with_key_headers_time_and_place() -> None:
    found = event(FULFILLED, "json", headers=(("x-topic", b"orders/fulfilled"),), key=b"k-1")
    assert (found.body, found.key) == (FULFILLED, "k-1")
    assert found.headers == {"x-topic": "orders/fulfilled"}
    assert found.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert found.place == "shop.events/2/11@1700000000000"


def test_a_byte_order_mark_is_no_fault() -> None:
    assert event(b'\xef\xbb\xbf{"a": 1}', "json").body == {"a": 1}


def test_binary_keys_and_headers_are_left_out() -> None:
    found = event({}, "json", headers=(("bin", b"\xff"), ("nul", b"a\x00b")), key=b"\xff\x00")
    assert (found.key, found.headers) == ("", {})


def test_a_record_without_a_time_has_none() -> None:
    (found,) = read(Record("t", 0, 0, -1, None, b"{}"), "json")
    assert isinstance(found, SourceEvent)
    assert found.at is None


@pytest.mark.parametrize("form", ["json", "debezium", "cloudevents"])
def test_a_tombstone_is_skipped(form: Format) -> None:
    assert read(record(None), form) == (Skipped("tombstone"),)


def test_a_binary_cloudevent_keeps_its_attributes_in_the_headers() -> None:
    found = event(FULFILLED, "cloudevents", headers=BINARY)
    assert found.body == FULFILLED
    assert found.headers["ce_type"] == "invoice.issued"


def test_a_binary_cloudevent_may_carry_no_data() -> None:
    assert event(None, "cloudevents", headers=BINARY).body == {}


def test_a_structured_cloudevent_looks_the_same_as_a_binary_one() -> None:
    found = event({**ENVELOPE, "data": FULFILLED}, "cloudevents", headers=STRUCTURED)
    assert found.body == FULFILLED
    assert found.headers["ce_type"] == "invoice.issued"
    assert found.headers["ce_sequence"] == "3"


def test_a_structured_cloudevent_is_known_without_a_content_type() -> None:
    assert event({**ENVELOPE, "data": FULFILLED}, "cloudevents").body == FULFILLED


def test_data_in_base64_is_unwrapped() -> None:
    data = base64.b64encode(b'{"a": 1}').decode()
    assert event({**ENVELOPE, "data_base64": data}, "cloudevents").body == {"a": 1}


@pytest.mark.parametrize("op", ["c", "u", "r"])
def test_the_row_after_a_change_is_the_body(op: str) -> None:
    found = event({**CHANGE, "op": op}, "debezium")
    assert found.body == {"id": 7, "status": "solved"}
    assert found.headers == {
        "debezium.op": op,
        "debezium.table": "tickets",
        "debezium.ts_ms": "1700000000000",
    }


def test_a_change_with_its_schema_is_the_same_change() -> None:
    with_schema = {"schema": {"type": "struct", "optional": False}, "payload": CHANGE}
    assert event(with_schema, "debezium").body == event(CHANGE, "debezium").body


DECIMAL = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal"}
VARIABLE = {"type": "struct", "name": "io.debezium.data.VariableScaleDecimal"}


def test_decimals_are_read_where_their_schema_came_along() -> None:
    row_schema = {
        "field": "after",
        "type": "struct",
        "fields": [
            {**DECIMAL, "field": "total", "parameters": {"scale": "2"}},
            {**DECIMAL, "field": "owed", "parameters": {"scale": "0"}},
            {**DECIMAL, "field": "none", "parameters": {"scale": "2"}},
            {**DECIMAL, "field": "odd", "parameters": {}},
            {**VARIABLE, "field": "any"},
            {"field": "list", "type": "array", "items": {**DECIMAL, "parameters": {"scale": "1"}}},
        ],
    }
    row = {
        **{"total": "AfUk", "owed": "/w==", "none": None, "odd": "AfUk"},
        **{"any": {"scale": 3, "value": "AfUk"}, "list": ["DA==", "not base64"], "other": "AfUk"},
    }
    schema = {"type": "struct", "fields": [row_schema]}
    found = event({"schema": schema, "payload": {**CHANGE, "after": row}}, "debezium")
    assert found.body == {
        **{"total": "1282.92", "owed": "-1", "none": None, "odd": "AfUk", "any": "128.292"},
        **{"list": ["1.2", "not base64"], "other": "AfUk"},
    }


def test_a_list_of_changes_is_as_many_events() -> None:
    gone = {**CHANGE, "op": "d", "after": None, "before": {"id": 7}}
    found = read(record([CHANGE, gone, {**CHANGE, "after": {"id": 8}}]), "debezium")  # type: ignore[arg-type]
    assert [each if isinstance(each, Skipped) else each.body["id"] for each in found] == [
        7,
        Skipped("deleted"),
        8,
    ]
    assert read(record([]), "debezium") == (Skipped("empty"),)  # type: ignore[arg-type]


@pytest.mark.parametrize(("op", "reason"), [("d", "deleted"), ("t", "no_rows"), ("m", "no_rows")])
def test_changes_that_leave_no_row_are_skipped(op: str, reason: str) -> None:
    change = {**CHANGE, "op": op, "after": None, "before": {"id": 7}}
    assert read(record(change), "debezium") == (Skipped(reason),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param(b"", "the body is not JSON: Expecting value at line 1, column 1", id="empty"),
        pytest.param(b'{"a":\n 1,}', "the body is not JSON: ", id="a comma too much"),
        pytest.param(b"\xff\xfe", "the body is not text in UTF-8 (byte 0)", id="binary"),
        pytest.param(b"\0\0\0\0\1\2", "Avro or Protobuf of a schema registry", id="Avro"),
        pytest.param(b'{"a": NaN}', "the body holds NaN, which is not JSON", id="NaN"),
        pytest.param(b'{"a": -Infinity}', "the body holds -Infinity, which", id="infinity"),
        pytest.param(
            b'{"a": ' + b"1" * 5000 + b"}", "the body holds a number that is too long", id="digits"
        ),
        pytest.param(
            b'{"a": "x\\u0000y"}', "the body holds the character U+0000 inside a text", id="NUL"
        ),
        pytest.param(b'{"a": "\\ud800"}', "the body holds half a character", id="half a pair"),
        pytest.param(b'{"\\udc00": 1}', "the body holds half a character", id="half a key"),
        pytest.param(b" " * (MAX_BYTES + 1), f"{MAX_BYTES + 1} bytes; at most", id="too large"),
    ],
)
def test_what_is_no_plain_json_is_refused_in_one_line(value: bytes, says: str) -> None:
    said = refusal(value)
    assert said.startswith(says)
    assert "\n" not in said


def test_a_whole_emoji_written_as_escapes_is_fine() -> None:
    assert event(b'{"a": "\\ud83d\\ude00", "b": "\\\\u0000"}', "json").body["a"] == "\U0001f600"


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 900, 100_000])
def test_deep_nesting_is_refused(levels: int) -> None:
    value = b'{"a": ' + b"[" * levels + b"]" * levels + b"}"
    assert refusal(value) == f"the body is nested deeper than {MAX_DEPTH} levels"


def test_nesting_up_to_the_bound_is_read() -> None:
    levels = MAX_DEPTH - 1
    assert event(b'{"a": ' + b"[" * levels + b"]" * levels + b"}", "json").body["a"]


@pytest.mark.parametrize(
    ("value", "headers", "says"),
    [
        pytest.param({"a": 1}, (), "not a CloudEvent: no ce_specversion header", id="plain JSON"),
        pytest.param(
            {**ENVELOPE, "id": ""}, STRUCTURED, "not a CloudEvent: attribute id is", id="no id"
        ),
        pytest.param(
            {**ENVELOPE, "specversion": "0.3"}, STRUCTURED, "not a CloudEvent of version", id="0.3"
        ),
        pytest.param(
            {**ENVELOPE, "data_base64": "%"}, STRUCTURED, "data_base64 is not base64", id="base64"
        ),
        pytest.param(
            ENVELOPE,
            (("content-type", b"application/cloudevents-batch+json"),),
            "a batch of CloudEvents is a list; the body is an object",
            id="no batch",
        ),
        pytest.param({}, BINARY[:1], "not a CloudEvent: attribute id is absent", id="no headers"),
    ],
)
def test_what_is_no_cloudevent_is_refused(value: Any, headers: Any, says: str) -> None:
    assert refusal(value, "cloudevents", headers=headers).startswith(says)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        pytest.param({"id": 7}, 'not a Debezium change event: no "op"', id="flattened"),
        pytest.param({**CHANGE, "op": "z"}, "not a Debezium change event: op 'z'", id="unknown op"),
        pytest.param({**CHANGE, "after": None}, "Debezium op 'c' without a row", id="no row"),
        pytest.param({"payload": [1], "x": 1}, "not a Debezium change event", id="no wrapper"),
    ],
)
def test_what_is_no_change_event_is_refused(value: Any, says: str) -> None:
    assert refusal(value, "debezium").startswith(says)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["op", "after", "payload", "specversion", "id", "data", "x"]), inner
        )
    ),
    max_leaves=12,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_specversion", "ce_id", "ce_type", "content-type", "other"]),
        st.none() | st.binary(max_size=8) | st.just(b"application/cloudevents+json"),
    ),
    max_size=5,
)


@given(
    value=st.none() | st.binary(max_size=60) | JSON.map(lambda data: json.dumps(data).encode()),
    headers=HEADERS,
    form=st.sampled_from(["json", "cloudevents", "debezium"]),
)
def test_whatever_comes_is_read_skipped_or_refused_in_one_line(
    value: bytes | None, headers: list[tuple[str, bytes | None]], form: Format
) -> None:
    try:
        for found in read(record(value, tuple(headers), b"\xff"), form):
            assert isinstance(found, SourceEvent | Skipped)
    except UnreadableMessage as error:
        said = str(error)
        if not said.isprintable():
            raise AssertionError(said) from error


def test_a_list_is_a_batch_of_events_each_with_a_place_of_its_own() -> None:
    first, second = read(record([{"n": 1}, {"n": 2}]), "json")
    assert isinstance(first, SourceEvent)
    assert isinstance(second, SourceEvent)
    assert (first.body, second.body) == ({"n": 1}, {"n": 2})
    assert (first.place, second.nth, second.among) == ("shop.events/2/11@1700000000000#1", 2, 2)


def test_an_empty_batch_is_skipped() -> None:
    assert read(record([]), "json") == (Skipped("empty"),)


def test_header_names_are_also_there_in_lower_case() -> None:
    found = event({}, "json", headers=(("X-Shopify-Topic", b"orders/create"),))
    assert found.headers["x-shopify-topic"] == found.headers["X-Shopify-Topic"] == "orders/create"


def test_the_time_of_the_envelope_comes_before_that_of_the_record() -> None:
    found = event({**ENVELOPE, "time": "2026-03-02T08:00:00+01:00"}, "cloudevents")
    assert found.at == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert event(CHANGE, "debezium").at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_deletion_is_mapped_where_it_is_asked_for() -> None:
    change = {**CHANGE, "op": "d", "after": None, "before": {"id": 7}}
    (found,) = read(record(change), "debezium", deletions=True)
    assert isinstance(found, SourceEvent)
    assert (found.body, found.headers["debezium.op"]) == ({"id": 7}, "d")


def test_a_change_carries_the_row_before_it() -> None:
    assert event({**CHANGE, "op": "u", "before": {"id": 7}}, "debezium").before == {"id": 7}


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        pytest.param({"schema": None, "payload": {"id": 1}}, (), id="flattened with its schema"),
        pytest.param({"schema": None, "payload": '{"id": 1}'}, (), id="outbox with its schema"),
        pytest.param('{"id": 1}', (), id="outbox whose payload is a text"),
        pytest.param({"id": 1}, (("id", b"4d47e190"),), id="outbox whose payload is expanded"),
    ],
)
def test_what_the_outbox_router_publishes_is_the_body(value: Any, headers: Any) -> None:
    assert event(value, "debezium", headers=headers).body == {"id": 1}


def test_where_a_transaction_begins_or_ends_is_skipped() -> None:
    marker = {"status": "END", "id": "571:53195832", "event_count": 2, "data_collections": []}
    assert read(record(marker), "debezium") == (Skipped("no_rows"),)
