"""Real payloads for the catalogs of mappings under test, as far as the shared data is there."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Payload = tuple[dict[str, str], Any]
"""The headers that say what it is, and the body."""

_SHOPIFY = {
    "order": "orders/create", "orders": "orders/fulfilled", "checkouts": "checkouts/update",
    "draft_order": "draft_orders/update", "customer": "customers/update",
    "refund": "refunds/create", "fulfillment": "fulfillments/create",
    "transaction": "order_transactions/create",
}  # fmt: skip
_FOLDERS = {
    "stripe": "billing/stripe/webhook_events",
    "killbill": "billing/killbill",
    "zendesk": "support/zendesk/webhook_events",
    "zammad": "support/zammad",
}
_CE = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "t"}


def payloads(shared_data: Path, name: str) -> list[Payload]:
    """Return those of tests/catalogs/NAME; none when the shared data is absent."""
    if name == "shopify":
        return list(_shopify(shared_data / "ordering/shopify"))
    if name == "helpdesk":
        return list(_helpdesk(shared_data / "logs/helpdesk/helpdesk_events.csv"))
    if name == "debezium":
        return list(_debezium(shared_data))
    folder = shared_data / _FOLDERS.get(name, "absent")
    return [({}, json.loads(file.read_bytes())) for file in sorted(folder.glob("*.json"))]


def unwrapped(file: Path) -> Any:
    """Return the object of a Shopify fixture without the key around it, the first of several."""
    (body,) = json.loads(file.read_bytes()).values()
    return body[0] if isinstance(body, list) else body


def _shopify(folder: Path) -> Iterator[Payload]:
    for file in sorted(folder.glob("*/*.json")):
        if topic := _SHOPIFY.get(file.stem):
            yield {"x-shopify-topic": topic}, unwrapped(file)


def _helpdesk(file: Path) -> Iterator[Payload]:
    if file.exists():
        with file.open() as opened:
            for row, _ in zip(csv.DictReader(opened), range(500), strict=False):
                yield {}, row


def _debezium(shared_data: Path) -> Iterator[Payload]:
    for file in sorted((shared_data / "conformance/debezium").glob("*/*.json")):
        body = json.loads(file.read_bytes())
        yield {"id": "e-1"}, body
        yield {**_CE, "ce_iodebeziumop": "c"}, body
