"""Real payloads of billing, ordering and support systems, mapped by YAML alone."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.signals import Signal
from shared.errors import UnreadableMessage
from tests.support.mapping import NOON, brief, record, said, sources
from tests.support.payloads import unwrapped


def test_shopify_says_in_a_header_what_happened(shared_data: Path) -> None:
    shopify = sources("shopify")["shopify"]
    body = _shopify(shared_data, "python_api/order.json")
    found = said(shopify, record(body, X_Shopify_Topic="orders/create", X_Shopify_Webhook_Id="w-1"))
    assert brief(found[0]) == {
        "signal": "ordering.order.placed",
        "source": "shopify",
        "source_event_id": "w-1",
        "customer_id": "207119551",
        "occurred_at": "2008-01-10T16:00:00Z",
        "correlation": "450789469",
        "attributes": {
            "amount": 409.94, "currency": "USD", "items": 3, "sku": "IPOD2008GREEN",
            "country": "US",
        },
    }  # fmt: skip
    items = [(one.source_event_id, one.attributes) for one in found[1:] if isinstance(one, Signal)]
    assert items == [
        ("450789469/466157049", {"sku": "IPOD2008GREEN", "price": 199.0, "quantity": 1}),
        ("450789469/518995019", {"sku": "IPOD2008RED", "price": 199.0, "quantity": 1}),
        ("450789469/703073504", {"sku": "IPOD2008BLACK", "price": 199.0, "quantity": 1}),
    ]


@pytest.mark.parametrize(
    ("file", "topic", "signal", "at", "about"),
    [
        ("python_api/orders.json", "orders/fulfilled", "ordering.order.fulfilled",
         "2008-01-10T16:00:00Z", "450789469"),
        ("python_api/checkouts.json", "checkouts/update", "ordering.checkout.abandoned",
         "2012-10-12T11:05:27Z", "450789469"),
        ("python_api/draft_order.json", "draft_orders/update", "ordering.draft.changed",
         "2017-02-02T18:14:38Z", "517119332"),
        ("python_api/draft_order_completed.json", "draft_orders/update", "ordering.draft.changed",
         "2017-02-02T18:14:38Z", "450789469"),
        ("go_shopify/draft_order.json", "draft_orders/update", "ordering.draft.changed",
         "2019-04-09T10:02:43Z", "994118539"),
    ],
)  # fmt: skip
def test_other_shopify_bodies_become_signals(
    shared_data: Path, file: str, topic: str, signal: str, at: str, about: str
) -> None:
    body = _shopify(shared_data, file)
    (found,) = said(sources("shopify")["shopify"], record(body, x_shopify_topic=topic))
    shown = brief(found)
    assert (shown["signal"], shown["customer_id"]) == (signal, "207119551")
    assert (shown["occurred_at"], shown["correlation"]) == (at, about)


@pytest.mark.parametrize(
    ("file", "customer", "name"),
    [
        ("python_api/customer.json", "207119551", "Bob Norman"),
        ("go_shopify/customer.json", "1", "Test Citizen"),
    ],
)
def test_shopify_customers_become_contact_cards(
    shared_data: Path, file: str, customer: str, name: str
) -> None:
    body = _shopify(shared_data, file)
    (card,) = said(sources("shopify")["shopify"], record(body, x_shopify_topic="customers/update"))
    assert (brief(card)["customer_id"], brief(card)["name"]) == (customer, name)


@pytest.mark.parametrize("folder", ["python_api", "go_shopify"])
def test_shopify_bodies_without_a_customer_are_nobodys_moment(
    shared_data: Path, folder: str
) -> None:
    shopify = sources("shopify")["shopify"]
    for name in ("fulfillment", "refund", "transaction", "shop", "webhook", "dispute"):
        file = shared_data / "ordering/shopify" / folder / f"{name}.json"
        if file.exists():
            assert said(shopify, record(file.read_bytes(), x_shopify_topic=f"{name}s/x")) == []


@pytest.mark.parametrize("name", ["fulfillment", "refund", "transaction"])
def test_a_mapping_of_a_shopify_body_without_a_customer_is_told_what_it_lacks(
    shared_data: Path, name: str
) -> None:
    """What such bodies are about comes with its customer as `orders/fulfilled` and its like."""
    body = _shopify(shared_data, f"python_api/{name}.json")
    shopify = sources("shopify")["shopify"]
    with pytest.raises(
        UnreadableMessage, match=r"^source shopify, line \d+: body\.email is absent$"
    ):
        said(shopify, record(body, x_shopify_topic="orders/create"))


def _shopify(shared_data: Path, file: str) -> Any:
    return unwrapped(shared_data / "ordering/shopify" / file)


def test_kill_bill_gets_an_id_and_a_time_that_stay_the_same(shared_data: Path) -> None:
    killbill = sources("killbill")["killbill"]
    bodies = [(shared_data / f"billing/killbill/event_{n}.json").read_bytes() for n in (0, 1)]
    (first,), (second,) = (said(killbill, record(body)) for body in bodies)
    shown = brief(first)
    assert shown == {
        "signal": "billing.tenant.configured",
        "source": "killbill",
        "source_event_id": shown["source_event_id"],
        "customer_id": "tenant",
        "occurred_at": "2026-01-01T12:00:00Z",
        "correlation": "5cf9c272-a493-4178-af30-3b8de0344a26",
        "attributes": {"key": "CATALOG", "object": "TENANT_KVS"},
    }
    assert said(killbill, record(bodies[0])) == [first]
    assert said(killbill, record(bodies[0], at=NOON + 1)) != [first]
    assert brief(second)["attributes"]["key"] == "PUSH_NOTIFICATION_CB"


def test_five_zendesk_events_of_one_ticket_in_their_order(shared_data: Path) -> None:
    zendesk = sources("zendesk")["zendesk"]
    files = (shared_data / "support/zendesk/webhook_events").glob("*.json")
    bodies = sorted(
        (json.loads(file.read_bytes()) for file in files), key=lambda each: each["time"]
    )
    found = [[brief(each) for each in said(zendesk, record(body))] for body in bodies]
    shown = [[(each["signal"], each["occurred_at"]) for each in one] for one in found]
    assert shown == [
        [("support.ticket.opened", "2025-01-08T10:12:07.672717Z")],
        [("support.ticket.escalated", "2025-01-08T11:30:15.456789Z")],
        [],  # an agent was changed: nothing the customer went through
        [("support.ticket.commented", "2025-01-08T14:25:30.123456Z")],
        [("support.ticket.solved", "2025-01-08T16:45:20.987654Z")],
    ]
    every = [each for one in found for each in one]
    assert {(each["customer_id"], each["correlation"]) for each in every} == {
        ("8447388090494", "5158")
    }
    assert every[0]["attributes"] == {
        "priority": "high", "channel": "web_service", "tags": ["mobile", "login"],
    }  # fmt: skip


def test_a_zammad_webhook_is_a_ticket_and_a_contact_card(shared_data: Path) -> None:
    body = (shared_data / "support/zammad/webhook_0.json").read_bytes()
    ticket, card = map(brief, said(sources("zammad")["zammad"], record(body)))
    assert ticket == {
        "signal": "support.ticket.opened",
        "source": "zammad",
        "source_event_id": "81/104",
        "customer_id": "8",
        "occurred_at": "2020-11-13T14:34:35.282000Z",
        "correlation": "10081",
        "attributes": {
            "agent": "emma@chrispresso.com", "group": "Service Desk", "priority": 2, "vip": True,
        },
    }  # fmt: skip
    assert (card["email"], card["name"]) == ("emily@example.com", "Emily Adams")


def test_the_help_desk_log_gives_what_repeat_contacts_are_counted_from(shared_data: Path) -> None:
    helpdesk = sources("helpdesk")["helpdesk"]
    expected = json.loads((shared_data / "logs/helpdesk/expected.json").read_bytes())
    kinds: Counter[str] = Counter()
    opened: dict[tuple[str, Any], list[datetime]] = {}
    with (shared_data / "logs/helpdesk/helpdesk_events.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for signal in said(helpdesk, record(row)):
            assert isinstance(signal, Signal)
            kinds[signal.signal] += 1
            if signal.signal == "support.ticket.opened":
                who = (signal.customer_id, signal.attributes["product"])
                opened.setdefault(who, []).append(signal.occurred_at)
    assert len(rows) == expected["events"] == 21_348
    assert kinds == {
        "support.ticket.opened": 4580, "support.ticket.resolved": 4983,
        "support.ticket.closed": 4574,
    }  # fmt: skip
    again = sum(
        (later - earlier).days <= 7
        for times in opened.values()
        for earlier, later in zip(sorted(times), sorted(times)[1:], strict=False)
    )
    assert again == expected["new_case_within_7_days_same_customer_and_product"] == 1275
