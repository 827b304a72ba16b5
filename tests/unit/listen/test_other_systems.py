"""Ten systems that were never seen here, by configuration alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.mapping import brief, record, said, sources

CASES: list[tuple[str, dict[str, str], Any, dict[str, Any]]] = [
    ("chargebee", {},
     {"id": "ev_1", "event_type": "invoice_generated", "occurred_at": 1704164645,
      "content": {"invoice": {"id": "in-9", "customer_id": "cb-1", "total": 129900,
                              "currency_code": "JPY", "first_invoice": None}}},
     {"customer_id": "cb-1", "occurred_at": "2024-01-02T03:04:05Z", "correlation": "in-9",
      "attributes": {"amount": 129900.0, "first": False}}),
    ("recurly", {},
     {"failed_payment_notification": {
         "account": {"account_code": "rc-1", "email": None},
         "transaction": {"id": "t-1", "date": "2024-01-02T03:04:05Z",
                         "amount_in_cents": {"@type": "integer", "#text": "1000"}}}},
     {"customer_id": "rc-1", "source_event_id": "t-1", "attributes": {"amount": 10.0}}),
    ("woocommerce", {"X_WC_Webhook_Topic": "order.updated", "X_WC_Webhook_Delivery_ID": "d-1"},
     {"id": 7, "number": "1007", "status": "completed", "customer_id": 12, "total": "1299.00",
      "date_completed_gmt": "2024-01-02T03:04:05", "billing": {"email": "Ada@Shop.example"},
      "meta_data": [{"key": "gift", "value": "yes"}]},
     {"customer_id": "12", "occurred_at": "2024-01-02T03:04:05Z", "correlation": "1007",
      "attributes": {"amount": 1299.0, "gift": True}}),
    ("magento", {},
     {"increment_id": "000000042", "customer_id": 3, "updated_at": "2024-01-01 22:04:05",
      "items": [{"sku": "A", "qty_shipped": 1, "parent_item_id": None},
                {"sku": "B", "qty_shipped": 0}, {"sku": "C", "qty_shipped": 1,
                                                  "parent_item_id": 5}]},
     {"customer_id": "3", "occurred_at": "2024-01-02T03:04:05Z",
      "source_event_id": "000000042/A", "attributes": {"sku": "A"}}),
    ("intercom", {},
     {"id": "notif_1", "topic": "conversation.rating.added", "created_at": 1704164645,
      "data": {"item": {"contacts": {"contacts": [{"id": "ic-1", "external_id": None}]},
                        "conversation_rating": {"rating": "2", "remark": None}}}},
     {"customer_id": "ic-1", "score": 2, "answered_at": "2024-01-02T03:04:05Z",
      "touchpoint": "support-closed"}),
    ("freshdesk", {},
     {"freshdesk_webhook": {"ticket_id": 11, "ticket_status": "Resolved",
                            "ticket_requester_unique_external_id": "fd-1"}},
     {"customer_id": "fd-1", "occurred_at": "2026-01-01T12:00:00Z", "correlation": "11"}),
    ("jira", {},
     {"webhookEvent": "jira:issue_updated", "timestamp": 1704164645000,
      "issue": {"key": "SUP-4", "fields": {"reporter": {"accountId": "j-1"}, "assignee": None}},
      "changelog": {"items": [{"field": "status", "toString": "Resolved"}]}},
     {"customer_id": "j-1", "source_event_id": "SUP-4/1704164645000",
      "occurred_at": "2024-01-02T03:04:05Z"}),
    ("sap", {},
     {"IDOC": {"EDI_DC40": {"DOCNUM": "0000000000771", "CREDAT": "20240102", "CRETIM": "040405"},
               "E1EDK01": {"@SEGMENT": "1", "@BELNR": "90001"},
               "E1EDKA1": [{"PARVW": "WE", "PARTN": "x"}, {"PARVW": "AG", "PARTN": "sap-1"}],
               "E1EDS01": {"SUMME": "1.299,50"}, "E1EDP01": {"POSEX": "10"}}},
     {"customer_id": "sap-1", "occurred_at": "2024-01-02T03:04:05Z", "correlation": "90001",
      "attributes": {"amount": 1299.5, "lines": 1}}),
    ("typeform", {},
     {"form_response": {"token": "tf-1", "submitted_at": "2024-01-02T03:04:05Z",
                        "hidden": {"customer": "c-1", "touchpoint": "delivered"},
                        "answers": [{"type": "text", "text": "late"},
                                    {"type": "number", "number": 4}]}},
     {"customer_id": "c-1", "score": 4, "comment": "late", "answer_id": "tf-1"}),
    ("legacy", {},
     {"MsgType": "DESADV", "Ref": "R-1", "Stamp": "2024-01-02 11:04:05",
      "Payload": '{"Cust": {"No": " L-1 "}, "Sum": "CNY 1,299.00", "Note": null}'},
     {"customer_id": "L-1", "occurred_at": "2024-01-02T03:04:05Z",
      "attributes": {"amount": 1299.0, "note": None}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "headers", "body", "says"), CASES, ids=[c[0] for c in CASES])
def test_a_system_never_seen_is_connected_by_yaml(
    name: str, headers: dict[str, str], body: Any, says: dict[str, Any]
) -> None:
    (found,) = said(sources("others")[name], record(body, **headers))
    shown = brief(found)
    assert {field: shown.get(field) for field in says} == says
