"""What `listen` takes from the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.listen.policy import dialects
from shared.catalog.catalog import Catalog
from shared.catalog.loader import load
from shared.catalog.touchpoints import Touchpoint
from shared.contracts.signals import DELIVERY_REPORTS

OLIST = load(Path(__file__).parents[2] / "catalogs" / "olist")


def with_touchpoint(**fields: object) -> Catalog:
    fields = {"touchpoint": "one", "stage": "use", "act": "case", **fields}
    return OLIST.model_copy(update={"touchpoints": (Touchpoint.model_validate(fields),)})


def test_topics_and_sources_are_those_of_the_catalog() -> None:
    taken = dialects(OLIST)
    assert (taken.topics, taken.sources) == (("olist.events",), ("olist",))


@pytest.mark.parametrize(
    ("fields", "used"),
    [
        pytest.param({"on": {"signal": "a.b"}}, {"a.b"}, id="single event"),
        pytest.param(
            {"on": {"signal": "a.b"}, "cancel_on": ["c.d"]}, {"a.b", "c.d"}, id="cancelling"
        ),
        pytest.param(
            {"on": {"count": "a.b", "at_least": 2, "within": "7d"}}, {"a.b"}, id="counted"
        ),
        pytest.param(
            {"on": {"absence": ["response", "c.d"], "after": "a.b", "within": "1d"}},
            {"a.b", "c.d", "response"},
            id="awaited in vain",
        ),
        pytest.param({"on": {"every": "180d"}, "cancel_on": ["c.d"]}, {"c.d"}, id="every so often"),
    ],
)
def test_a_signal_is_used_when_a_touchpoint_waits_for_it(
    fields: dict[str, object], used: set[str]
) -> None:
    assert dialects(with_touchpoint(**fields)).used == used | DELIVERY_REPORTS
