"""What mappings make of an event, and the words in which they fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.listen.decide import decide
from services.listen.model import Mapped, Skipped, SourceEvent, Unused
from shared.catalog.sources import Source
from shared.contracts.signals import Answer, Profile, Signal
from shared.errors import UnreadableMessage

ARRIVED = datetime(2026, 3, 2, 8, 0, 5, tzinfo=UTC)
DELIVERED = {
    "signal": "ordering.order.delivered",
    "when": 'headers["x-topic"] == "orders/fulfilled"',
    "id": 'string(body.id) + "/" + body.updated_at',
    "customer": "string(body.customer.id)",
    "occurred_at": "timestamp(body.updated_at)",
    "correlation": "string(body.id)",
    "attributes": {"late": "body.delivered > body.promised", "amount": "double(body.total)"},
}
CARD = {
    "when": 'headers["x-topic"] == "customers/update"',
    "customer": "string(body.id)",
    "updated_at": "timestamp(body.updated_at)",
    "email": "body.email",
    "name": "body.first_name",
    "consent": 'body.accepts_marketing ? "granted" : "refused"',
}
ANSWERED = {
    "when": 'has(body.kind) && body.kind == "survey.answered"',
    "id": 'body.review_id + "/" + body.order_id',
    "touchpoint": '"delivered"',
    "customer": "body.customer",
    "score": "int(body.score)",
    "comment": "body.comment",
    "attributes": {"owner": "body.owner"},
}
ORDER: dict[str, Any] = {
    "id": 820982911946154508,
    "updated_at": "2026-03-01T10:15:00+01:00",
    "customer": {"id": 115310627314723954},
    "delivered": "2026-03-01",
    "promised": "2026-02-27",
    "total": "149.90",
}
ANSWER: dict[str, Any] = {
    "kind": "survey.answered",
    "review_id": "r-1",
    "order_id": "o-1",
    "customer": "c-1",
    "score": "2",
    "comment": None,
    "owner": "SP",
}
USED = frozenset({"ordering.order.delivered", "ordering.order.placed"})


def source(**mappings: list[dict[str, Any]]) -> Source:
    return Source.model_validate(
        {"source": "shop", "topic": "ordering.events", "format": "json", **mappings}
    )


def happened(body: dict[str, Any], about: str = "orders/fulfilled", **more: Any) -> SourceEvent:
    facts: dict[str, Any] = {
        "headers": {"x-topic": about},
        "body": body,
        "key": "",
        "at": ARRIVED,
        "place": "ordering.events/0/1@5",
        "size": len(json.dumps(body)),
    }
    return SourceEvent(**{**facts, **more})


def messages(event: SourceEvent, of: Source, used: frozenset[str] = USED) -> tuple[object, ...]:
    outcome = decide(event, of, used)
    assert isinstance(outcome, Mapped)
    return outcome.messages


def refusal(event: SourceEvent, of: Source) -> str:
    with pytest.raises(UnreadableMessage) as raised:
        decide(event, of, USED)
    return str(raised.value)


def test_an_order_becomes_a_signal_with_its_own_time_in_utc() -> None:
    assert messages(happened(ORDER), source(signals=[DELIVERED])) == (
        Signal(
            signal="ordering.order.delivered",
            source="shop",
            source_event_id="820982911946154508/2026-03-01T10:15:00+01:00",
            customer_id="115310627314723954",
            occurred_at=datetime(2026, 3, 1, 9, 15, tzinfo=UTC),
            correlation="820982911946154508",
            attributes={"late": True, "amount": 149.9},
        ),
    )


def test_a_changed_customer_becomes_a_contact_card() -> None:
    body = {
        "id": 115,
        "updated_at": "2026-03-01T10:15:00Z",
        "email": "ada@customers.example",
        "first_name": None,
        "accepts_marketing": False,
    }
    assert messages(happened(body, "customers/update"), source(profiles=[CARD])) == (
        Profile(
            customer_id="115",
            source="shop",
            updated_at=datetime(2026, 3, 1, 10, 15, tzinfo=UTC),
            email="ada@customers.example",
            consent="refused",
        ),
    )


def test_a_contact_card_says_where_and_when_consent_was_given_and_what_the_customer_is_worth() -> (
    None
):
    more = {
        "consent_source": "body.consent.form",
        "consent_at": "seconds(body.consent.at)",
        "account_zone": "body.company.zone",
        "value": "body.yearly",
    }
    body = {
        **{"id": 115, "updated_at": "2026-03-01T10:15:00Z", "email": None, "first_name": None},
        **{"accepts_marketing": True, "consent": {"form": "checkout", "at": 1772355600}},
        **{"company": {"zone": "Europe/Berlin"}, "yearly": 1200},
    }
    (card,) = messages(happened(body, "customers/update"), source(profiles=[{**CARD, **more}]))
    assert card == Profile(
        customer_id="115",
        source="shop",
        updated_at=datetime(2026, 3, 1, 10, 15, tzinfo=UTC),
        consent="granted",
        consent_source="checkout",
        consent_at=datetime(2026, 3, 1, 9, tzinfo=UTC),
        account_zone="Europe/Berlin",
        value=1200.0,
    )
    without = {**body, "consent": {"form": None, "at": None}, "yearly": "a lot"}
    assert refusal(
        happened(without, "customers/update"), source(profiles=[{**CARD, **more}])
    ).endswith("value: Input should be a valid number, unable to parse string as a number")


def test_an_answer_without_a_time_of_its_own_takes_that_of_the_record() -> None:
    assert messages(happened(ANSWER), source(responses=[ANSWERED])) == (
        Answer(
            answer_id="r-1/o-1",
            source="shop",
            touchpoint="delivered",
            customer_id="c-1",
            score=2,
            answered_at=ARRIVED,
            attributes={"owner": "SP"},
        ),
    )


def test_an_answer_may_name_its_order_only() -> None:
    mapping = {**ANSWERED, "correlation": "body.order_id"}
    del mapping["customer"]
    (answer,) = messages(happened(ANSWER), source(responses=[mapping]))
    (again,) = messages(happened({**ANSWER, "review_id": "r-2"}), source(responses=[mapping]))
    assert isinstance(answer, Answer)
    assert isinstance(again, Answer)
    assert (answer.customer_known, answer.correlation) == (False, "o-1")
    assert answer.customer_id == again.customer_id != "c-1"


def test_an_answer_may_name_the_ask_only() -> None:
    mapping = {**ANSWERED, "invitation": "body.order_id"}
    del mapping["customer"]
    (answer,) = messages(happened(ANSWER), source(responses=[mapping]))
    assert isinstance(answer, Answer)
    assert (answer.customer_known, answer.invitation_id) == (False, "o-1")


def test_an_answer_that_could_name_nobody_is_refused_with_the_catalog() -> None:
    mapping = {name: rule for name, rule in ANSWERED.items() if name != "customer"}
    with pytest.raises(ValidationError, match="map `customer`, or at least a `correlation`"):
        source(responses=[mapping])


def test_an_answer_with_no_time_at_all_says_what_to_map() -> None:
    said = refusal(happened(ANSWER, at=None), source(responses=[ANSWERED]))
    assert said == (
        "source shop, responses 1: answered_at: the record carries no time of its own, map one"
    )


def test_all_mappings_that_match_count() -> None:
    placed = {**DELIVERED, "signal": "ordering.order.placed", "when": "true"}
    elsewhere = {**DELIVERED, "signal": "ordering.order.returned", "when": "false"}
    found = messages(happened(ORDER), source(signals=[placed, elsewhere, DELIVERED]))
    assert [each.signal for each in found if isinstance(each, Signal)] == [
        "ordering.order.placed",
        "ordering.order.delivered",
    ]


def test_a_record_that_matches_no_mapping_is_skipped() -> None:
    event = happened(ORDER, "orders/create")
    assert decide(event, source(signals=[DELIVERED]), USED) == Skipped("no_mapping")


def test_a_signal_that_nobody_waits_for_is_named_but_not_worked_out() -> None:
    broken = {**DELIVERED, "customer": "body.absent"}
    found = messages(happened(ORDER), source(signals=[broken]), used=frozenset())
    assert found == (Unused("ordering.order.delivered"),)


@pytest.mark.parametrize(
    ("change", "body", "says"),
    [
        pytest.param(
            {"customer": "body.customer.number"}, {}, "body.customer.number is absent", id="no key"
        ),
        pytest.param({"when": "body.kind == 'x'"}, {}, "body.kind is absent", id="condition"),
        pytest.param(
            {"when": 'headers["absent"] == ""'}, {}, 'headers["absent"] is absent', id="no header"
        ),
        pytest.param({"id": "body.empty"}, {"empty": ""}, "id: is empty", id="empty id"),
        pytest.param({"customer": "body.blank"}, {"blank": " "}, "customer: is empty", id="blank"),
        pytest.param(
            {"customer": "body.long"},
            {"long": "x" * 257},
            "customer: String should have at most 256 characters",
            id="a customer that is too long",
        ),
        pytest.param(
            {"id": "body.long"},
            {"long": "x" * 513},
            "id: String should have at most 512 characters",
            id="an id that is too long",
        ),
        pytest.param(
            {},
            {"updated_at": "2026-03-01T10:15:00"},
            "occurred_at: not a time with a zone, such as 2026-01-31T09:30:00Z",
            id="no zone",
        ),
        pytest.param(
            {"customer": "body.n"},
            {"n": 5},
            "customer: gave a whole number, expected a text, wrap it in string(...): body.n",
            id="wrong type",
        ),
        pytest.param(
            {"attributes": {"ratio": "1.0 / double(body.zero)"}},
            {"zero": 0},
            "attributes.ratio: gave inf, which cannot travel in a message",
            id="infinite",
        ),
        pytest.param(
            {"attributes": {"list": "[0.0 / 0.0]"}},
            {},
            "attributes.list: gave a number that cannot travel in a message",
            id="not a number inside a list",
        ),
    ],
)
def test_a_mapping_that_fails_names_itself_the_field_and_the_reason(
    change: dict[str, Any], body: dict[str, Any], says: str
) -> None:
    said = refusal(happened({**ORDER, **body}), source(signals=[{**DELIVERED, **change}]))
    assert said.startswith(f"source shop, signal ordering.order.delivered: {says}")
    assert "\n" not in said


def test_one_mapping_that_fails_refuses_the_whole_record() -> None:
    broken = {**DELIVERED, "signal": "ordering.order.placed", "customer": "body.absent"}
    assert "signal ordering.order.placed" in refusal(
        happened(ORDER), source(signals=[DELIVERED, broken])
    )


def test_a_body_larger_than_rules_take_is_refused() -> None:
    said = refusal(happened(ORDER, size=1024 * 1024 + 1), source(signals=[DELIVERED]))
    assert said == "source shop: inputs of 1048577 bytes: a rule takes at most 1048576"


def test_a_body_as_large_as_rules_take_is_mapped() -> None:
    assert messages(happened(ORDER, size=1024 * 1024), source(signals=[DELIVERED]))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
EVERYTHING = source(
    signals=[{**DELIVERED, "when": "has(body.delivered)"}],
    profiles=[{**CARD, "when": "has(body.email)"}],
    responses=[ANSWERED],
)


@given(
    st.fixed_dictionaries({}, optional={name: VALUES for name in {**ORDER, **ANSWER, "email": 1}})
)
def test_whatever_a_body_holds_it_is_mapped_skipped_or_refused_in_one_line(
    body: dict[str, Any],
) -> None:
    try:
        found: object = decide(happened(body), EVERYTHING, USED)
    except UnreadableMessage as error:
        found = str(error)
    assert isinstance(found, Mapped | Skipped | str)
    assert "\n" not in str(found if isinstance(found, str) else "")
