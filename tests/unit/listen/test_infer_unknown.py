"""Systems that nobody has seen: what is proposed for them loads and says what a person would."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.listen import workbench
from shared.catalog.reading import read
from shared.catalog.sources import Source
from shared.errors import TouchbackError
from shared.records import Record
from tests.support.mapping import NOON, brief, record, said

IDOC = {
    "IDOC": {
        "EDI_DC40": {"DOCNUM": "771", "MESTYP": "INVOIC", "CREDAT": "20240102", "CRETIM": "030405"},
        "E1EDK01": {"BELNR": "90001"},
        "E1EDKA1": [{"PARVW": "AG", "PARTN": "sap-1"}, {"PARVW": "WE", "PARTN": "x"}],
    }
}
GERMAN = {
    "Ereignis": "Vorgang geschlossen",
    "Vorgangsnummer": "V-7",
    "Kunde": {"Kundennummer": 4711, "Name": "Ada Meier", "E-Mail": "ada@kunden.example"},
    "erstelltAm": "01.01.2024 09:00",
    "Zeitpunkt": "02.01.2024 03:04",
    "Priorität": "hoch",
}
IN_TEXT = {
    "MsgType": "DESADV",
    "MessageId": "m-1",
    "Payload": json.dumps({"customer": {"no": "L-1"}, "order_id": 12, "time": 1704164645000}),
}
CONTACTS = {
    "topic": "conversation.closed",
    "id": "n-1",
    "created_at": 1704164645,
    "item": {"id": "conv-9", "updated_at": 1704160000},
    "contacts": [{"id": "ic-1", "email": "ada@x.example", "name": "Ada", "language": "fr"}],
}
CHINESE = {
    "事件类型": "order_signed",
    "事件编号": "E-1",
    "订单号": "D-9",
    "客户": {"编号": "K-1", "姓名": "王芳", "手机号": "13800000000"},
    "创建时间": "2024-01-01 08:00:00",
    "发生时间": "2024年01月02日 03:04:05",
    "金额": 129.5,
}
FRENCH = {
    "événement": "livraison",
    "id": 5,
    "numéro_client": "C-5",
    "commande": "CMD-1",
    "créé_le": "2024-01-02T03:04:05+01:00",
}
SPANISH = {
    "tipo": "pedido.entregado",
    "id": "p-1",
    "id_cliente": 88,
    "pedido": 7,
    "actualizado": "2024-01-03T00:00:00Z",
    "fecha_hora": "02/01/2024 03:04",
}
MICROS = {"type": "a", "id": "1", "customer_id": 2, "updated_at": 1, "ts": 1704164645000000}

SYSTEMS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "sap": (IDOC, {"source_event_id": "771", "customer_id": "sap-1", "correlation": "90001",
                   "occurred_at": "2024-01-02T03:04:05Z"}, {}),
    "german": (GERMAN, {"source_event_id": "V-7/02.01.2024 03:04", "customer_id": "4711",
                        "correlation": "V-7", "occurred_at": "2024-01-02T03:04:00Z",
                        "attributes": {"priority": "hoch"}},
               {"customer_id": "4711", "email": "ada@kunden.example", "name": "Ada Meier"}),
    "in a text": (IN_TEXT, {"source_event_id": "m-1", "customer_id": "L-1", "correlation": "12",
                            "occurred_at": "2024-01-02T03:04:05Z"}, {}),
    "contacts": (CONTACTS, {"source_event_id": "n-1", "customer_id": "ic-1",
                            "occurred_at": "2024-01-02T03:04:05Z"},
                 {"customer_id": "ic-1", "email": "ada@x.example", "name": "Ada", "locale": "fr"}),
    "chinese": (CHINESE, {"source_event_id": "E-1", "customer_id": "K-1", "correlation": "D-9",
                          "occurred_at": "2024-01-02T03:04:05Z", "attributes": {"amount": 129.5}},
                {"customer_id": "K-1", "phone": "13800000000", "name": "王芳"}),
    "french": (FRENCH, {"source_event_id": "5", "customer_id": "C-5", "correlation": "CMD-1",
                        "occurred_at": "2024-01-02T02:04:05Z"}, {}),
    "spanish": (SPANISH, {"source_event_id": "p-1", "customer_id": "88", "correlation": "7",
                          "occurred_at": "2024-01-02T03:04:00Z"}, {}),
    "micros": (MICROS, {"source_event_id": "1", "customer_id": "2",
                        "occurred_at": "2024-01-02T03:04:05Z"}, {}),
}  # fmt: skip


def proposed(*bodies: Any) -> tuple[Source, str]:
    text, _ = workbench.propose_yaml("my-source", "t", [record(each) for each in bodies])
    draft = read({"sources.yaml": text.encode()})
    assert [str(each) for each in draft.findings if each.file == "sources.yaml"] == [], text
    (found,) = draft.sources
    return found.entry, text


@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_proposed_for_a_system_never_seen_says_what_a_person_would(name: str) -> None:
    body, signal, card = SYSTEMS[name]
    source, text = proposed(body)
    first, *cards = [brief(each) for each in said(source, record(body))]
    assert {field: first.get(field) for field in signal} == signal, text
    assert bool(cards) == bool(card), text
    for each in cards:
        assert {field: each.get(field) for field in card} == card, text


def test_a_page_of_records_becomes_a_signal_for_each() -> None:
    tickets = [{"id": n, "requester_id": 7, "updated_at": "2024-01-02T03:04:05Z"} for n in (1, 2)]
    source, text = proposed({"tickets": tickets, "count": 2})
    found = [brief(each) for each in said(source, record({"tickets": tickets, "count": 2}))]
    ids = [each["source_event_id"] for each in found]
    assert ids == ["1/2024-01-02T03:04:05Z", "2/2024-01-02T03:04:05Z"], text


def test_a_customer_that_only_some_messages_name_is_asked_for_first() -> None:
    named = {"id": 1, "kind": "a", "customer_id": 7, "time": 1704164645}
    nobody = {**named, "customer_id": None}
    source, text = proposed(named, nobody)
    assert len(said(source, record(named))) == 1, text
    assert said(source, record(nobody)) == []


def test_consent_and_zones_stand_on_the_card() -> None:
    customer = {"id": "c", "email": "a@b.example", "accepts_marketing": True, "tz": "Asia/Tokyo"}
    body = {"type": "x", "id": "1", "time": 1704164645, "customer": customer,
            "account": {"timezone": "Europe/Berlin"}}  # fmt: skip
    source, text = proposed(body)
    card = brief(said(source, record(body))[1])
    assert (card["consent"], card["consent_source"]) == ("granted", "my-source"), text
    assert (card["time_zone"], card["account_zone"]) == ("Asia/Tokyo", "Europe/Berlin")


NAMES = st.sampled_from(
    ["id", "type", "customer", "Kunde", "客户", "time", "contacts", "é'\"\\", "in", "email", "a b"]
) | st.text(max_size=4)
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["2024-01-02", "1704164645", '{"id": 1}', "a@b"])
)  # fmt: skip
BODIES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)


@settings(max_examples=30)
@given(st.lists(st.dictionaries(NAMES, BODIES, max_size=6), min_size=1, max_size=3))
def test_whatever_the_samples_are_the_proposal_loads_and_each_has_one_outcome(
    bodies: list[dict[str, Any]],
) -> None:
    raw = [Record("t", 0, 0, NOON, None, json.dumps(each).encode()) for each in bodies]
    try:
        text, _ = workbench.propose_yaml("my-source", "t", raw)
    except TouchbackError:
        return
    draft = read({"sources.yaml": text.encode()})
    assert [str(each) for each in draft.findings if each.file == "sources.yaml"] == [], text
    for each in raw:
        lines = workbench.explain(each, draft.sources[0].entry, "", frozenset())
        assert lines
        assert all(line.what for line in lines)
