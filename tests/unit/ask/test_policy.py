"""What asking takes from the catalog."""

from __future__ import annotations

import pytest

from services.ask import metrics
from services.ask.policy import book
from tests.unit.ask.moments import a_catalog, hours


def test_touchpoints_are_found_by_the_signal_that_triggers_them() -> None:
    found = book(a_catalog())
    names = {signal: [p.touchpoint for p in plans] for signal, plans in found.on_signal.items()}
    assert names == {
        "order.delivered": ["delivered"],
        "order.returned": ["returned"],
        "order.late": ["late"],
        "order.lost": ["lost", "often-lost"],
    }


def test_a_plan_carries_what_the_catalog_says() -> None:
    catalog = a_catalog({"policy.yaml": "caps: {floor: 2h, person: 3h}\nsalt: pepper\n"})
    plan = book(catalog).plans["returned"]
    assert (plan.delay, plan.floor, plan.person) == (hours(1), hours(2), hours(3))
    assert plan.salt == "pepper"


def test_every_reason_of_every_touchpoint_shows_as_zero_from_the_start() -> None:
    zeros = {metric.name: metric.zeros for metric in metrics.tallies(a_catalog())}
    assert ("delivered", "stale_event") in zeros["silences"]
    assert len(zeros["silences"]) == 5 * 16
    assert ("email", "unknown") in zeros["invitation_failures"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("shop", "shop", id="a source of the catalog"),
        pytest.param("touchback/close", "touchback/close", id="one of us"),
        pytest.param("shop-of-yesterday", "other", id="one that left the catalog"),
    ],
)
def test_a_metric_names_no_source_that_is_not_configured(name: str, label: str) -> None:
    assert metrics.source(name, a_catalog()) == label
