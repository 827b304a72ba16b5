"""CloudEvents and Debezium as their own projects test and document them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.listen.formats import read
from services.listen.model import Skipped, SourceEvent
from shared.errors import UnreadableMessage
from shared.records import Record
from tests.support.mapping import NOON, brief, said, sources

HELLO = {"message": "Hello World!"}
ATTRIBUTES = {
    "id": "1234-1234-1234",
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext/subcontext",
    "time": "2018-04-05T03:56:24Z",
}


def taken(body: bytes | None, headers: Any = (), topic: str = "t", key: bytes = b"") -> Record:
    pairs = tuple((name, text.encode()) for name, text in headers)
    return Record(topic, 0, 1, NOON, key, body, pairs)


def events(shared_data: Path, which: str) -> list[dict[str, Any]]:
    file = shared_data / f"conformance/cloudevents/format_json/{which}-events.json"
    found: list[dict[str, Any]] = json.loads(file.read_bytes())["tests"]
    return found


def structured(event: object) -> tuple[SourceEvent | Skipped, ...]:
    headers = [("content-type", "application/cloudevents+json")]
    return read(taken(json.dumps(event).encode(), headers), "cloudevents")


def test_the_ten_events_that_must_be_accepted_are(shared_data: Path) -> None:
    cases = events(shared_data, "valid")
    assert len(cases) == 10
    for case in cases:
        (found,) = structured(case["event"])
        assert isinstance(found, SourceEvent), case["id"]
        assert found.headers["ce_id"] == case["event"]["id"]
        assert found.body == case["event"].get("data", {})


def test_the_25_events_that_must_be_rejected_are(shared_data: Path) -> None:
    cases = events(shared_data, "invalid")
    assert len(cases) == 25
    for case in cases:
        with pytest.raises(UnreadableMessage, match=r"^not a CloudEvent"):
            structured(case["event"])


def test_one_wrong_event_refuses_its_batch_and_ten_right_ones_are_ten_events(
    shared_data: Path,
) -> None:
    headers = [("Content-Type", "application/cloudevents-batch+json; charset=UTF-8")]
    right = [case["event"] for case in events(shared_data, "valid")]
    wrong = [case["event"] for case in events(shared_data, "invalid")]
    assert len(read(taken(json.dumps(right).encode(), headers), "cloudevents")) == 10
    with pytest.raises(UnreadableMessage):
        read(taken(json.dumps([*right, wrong[0]]).encode(), headers), "cloudevents")


@pytest.mark.parametrize("binding", ["kafka", "http"])
def test_the_scenarios_of_both_bindings(shared_data: Path, binding: str) -> None:
    file = shared_data / f"conformance/cloudevents/features/{binding}-protocol-binding.feature"
    scenarios = re.split(r"\n\s*Scenario", file.read_text())[1:]
    assert len(scenarios) == 2
    for scenario in scenarios:
        kinds = re.findall(r"^ *\| (application/\S.*?) *\|$", scenario, re.MULTILINE)
        for kind in kinds or ["application/json"]:
            (found,) = read(_message(scenario, binding, kind), "cloudevents")
            assert isinstance(found, SourceEvent)
            assert found.body == HELLO
            assert {name: found.headers[f"ce_{name}"] for name in ATTRIBUTES} == ATTRIBUTES


def _message(scenario: str, binding: str, kind: str) -> Record:
    given = re.findall(r'"""\n(.*?)"""', scenario, re.DOTALL)[0]
    if binding == "http":
        head, _, body = re.sub(r"^ {8}", "", given, flags=re.MULTILINE).partition("\n\n")
        lines = [line.partition(": ") for line in head.splitlines()[1:]]
        headers = [(name, text.replace("<contentType>", kind)) for name, _, text in lines]
        return taken(body.encode(), headers)
    table = scenario.partition("And Kafka headers:")[2].partition("When")[0]
    cells = re.findall(r"\| +(\S+) +\| +(\S.*?) +\|", table)[1:]
    headers = [(name, text.replace("<contentType>", kind)) for name, text in cells]
    return taken(given.encode(), headers)


SERDE = {
    "serde-with-schema": "c", "serde-without-schema": "c", "serde-update": "u",
    "serde-unknown-property": "u",
}  # fmt: skip


@pytest.mark.parametrize("name", SERDE)
def test_debezium_rows_with_and_without_their_schema(shared_data: Path, name: str) -> None:
    crm = sources("debezium")["crm"]
    body = (shared_data / f"conformance/debezium/serde/{name}.json").read_bytes()
    found = [brief(each) for each in said(crm, taken(body))]
    card = {"customer_id": "1004", "email": "annek@noanswer.org", "name": "Anne Kretchmar"}
    assert {field: found[-1][field] for field in card} == card
    assert found[-1]["updated_at"] == "2016-06-09T16:56:51.815000Z"
    renamed = [each["signal"] for each in found[:-1]]
    assert renamed == (["crm.customer.renamed"] if SERDE[name] == "u" else [])


@pytest.mark.parametrize(
    ("block", "found"),
    [
        pytest.param("04", ["Anne Kretchmar"], id="create"),
        pytest.param("05", ["Anne Marie Kretchmar"], id="update"),
        pytest.param("06", ["crm.customer.removed"], id="delete"),
        pytest.param("07", [], id="truncate"),
        pytest.param("08", [], id="message"),
    ],
)
def test_debezium_documents_each_operation(shared_data: Path, block: str, found: list[str]) -> None:
    body = (shared_data / f"conformance/debezium/postgresql_doc/block_{block}.json").read_bytes()
    every = [brief(each) for each in said(sources("debezium")["crm"], taken(body))]
    assert [each.get("name", each.get("signal")) for each in every] == found


def test_the_outbox_router_leaves_the_order_itself(shared_data: Path) -> None:
    block = json.loads((shared_data / "conformance/debezium/outbox_doc/block_03.json").read_bytes())
    name, _, text = block["_kafka"]["Headers"].partition("=")
    orders = sources("debezium")["orders"]
    record = taken(json.dumps(block["value"]).encode(), [(name, text)], key=b"1")
    placed, *items = (brief(each) for each in said(orders, record))
    assert placed == {
        "signal": "ordering.order.placed",
        "source": "orders",
        "source_event_id": "4d47e190-0402-4048-bc2c-89dd54343cdc",
        "customer_id": "123",
        "occurred_at": "2026-01-01T12:00:00Z",
        "correlation": "1",
        "attributes": {"total": 39.98, "ordered": "2019-01-31T11:13:01+00:00"},
    }
    assert [each["attributes"]["price"] for each in items] == [39.98, 29.99]


def test_the_outbox_table_holds_json_in_a_column(shared_data: Path) -> None:
    block = json.loads((shared_data / "conformance/debezium/outbox_doc/block_01.json").read_bytes())
    (found,) = said(sources("debezium")["outbox"], taken(json.dumps(block["value"]).encode()))
    shown = brief(found)
    assert (shown["customer_id"], shown["correlation"]) == ("123", "1")
    assert shown["occurred_at"] == "2019-05-03T13:31:34.344000Z"


def test_debezium_speaks_cloudevents_too(shared_data: Path) -> None:
    converted = sources("debezium")["converted"]
    for name, customers in (("00", ["1"]),):
        body = (
            shared_data / f"conformance/debezium/cloudevents_doc/block_{name}.json"
        ).read_bytes()
        found = [brief(each) for each in said(converted, taken(body))]
        assert [each["customer_id"] for each in found] == customers
        assert found[0]["occurred_at"] == "2020-01-13T13:55:39.738000Z"
