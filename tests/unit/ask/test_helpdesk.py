"""The help-desk log: repeat contacts are found by the count trigger, without asking anybody."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime
from pathlib import Path

from services.ask.decide.memory import Memory
from services.ask.model import Act
from services.ask.policy import book
from shared.contracts.signals import Signal
from tests.unit.ask.moments import a_catalog, a_signal

REPEAT = """\
- touchpoint: repeat-contact
  on: {count: order.lost, at_least: 2, within: 8d, by: correlation}
  act: case
"""
"""The published count takes 7 days in whole days: up to, and not including, 8 times 24 hours."""


def first_contacts(log: Path) -> list[Signal]:
    """The first event of each of the desk's cases, about one product of one customer."""
    with log.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["seq"] == "0"]
    return [
        a_signal(
            row["case"],
            customer=row["customer"],
            name="order.lost",
            at=datetime.fromisoformat(row["timestamp"]),
            correlation=f"{row['customer']}/{row['product']}",
        )
        for row in rows
    ]


def test_repeat_contacts_within_a_week_are_as_many_as_published(shared_data: Path) -> None:
    folder = shared_data / "logs" / "helpdesk"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    contacts = first_contacts(folder / "helpdesk_events.csv")
    assert len(contacts) == expected["cases"]
    memory = Memory(book(a_catalog({"touchpoints.yaml": REPEAT})))
    said = Counter(
        verdict.decision for each in contacts for verdict in memory.take(each, each.occurred_at)
    )
    assert said == {Act("case"): expected["new_case_within_7_days_same_customer_and_product"]}
