"""What a cap looks at is kept for as long as it looks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.ask.retention import rules
from tests.unit.ask.moments import POLICY, TOUCHPOINTS, a_catalog

ONE_CAPPED = TOUCHPOINTS.replace("- touchpoint: late\n", "- touchpoint: late\n  cap: {cap}d\n")
KEPT = POLICY + "retention: {invitations: 400d}\n"


def kept(cap: int) -> timedelta:
    """For how long asks are kept when one touchpoint has this cap."""
    files = {"touchpoints.yaml": ONE_CAPPED.replace("{cap}", str(cap)), "policy.yaml": KEPT}
    catalog = a_catalog(files)
    return {rule.table: rule.span() for rule in rules(lambda: catalog)}["invitations"]


@pytest.mark.parametrize(
    ("cap", "days"),
    [
        pytest.param(399, 400, id="shorter than what is kept anyway"),
        pytest.param(401, 401, id="longer"),
    ],
)
def test_an_ask_is_kept_for_as_long_as_the_cap_of_a_touchpoint(cap: int, days: int) -> None:
    assert kept(cap) == timedelta(days=days)
