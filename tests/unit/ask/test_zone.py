"""Whose clock decides when a customer may be written to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.ask.decide.window import zone
from services.ask.model import Contact
from tests.unit.ask.moments import a_plan

PLAN = replace(a_plan(), time_zone="Asia/Tokyo", last_time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("contact", "attributes", "expected"),
    [
        pytest.param(
            Contact(time_zone="Europe/Paris", account_zone="Europe/Rome"),
            {"time_zone": "Europe/Oslo"},
            "Europe/Paris",
            id="the customer's own first",
        ),
        pytest.param(
            Contact(account_zone="Europe/Rome"),
            {"time_zone": "Europe/Oslo"},
            "Europe/Oslo",
            id="then that of the account which the event is about",
        ),
        pytest.param(Contact(account_zone="Europe/Rome"), {}, "Europe/Rome", id="then the card's"),
        pytest.param(Contact(), {}, "Asia/Tokyo", id="then the touchpoint's"),
        pytest.param(Contact(time_zone="Mars/Base"), {}, "Asia/Tokyo", id="one nobody knows"),
    ],
)
def test_the_nearest_zone_counts(
    contact: Contact, attributes: dict[str, object], expected: str
) -> None:
    assert zone(contact, attributes, PLAN).key == expected
