"""How far a customer has come."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.ask.decide.ladder import Course, climb
from services.ask.model import Broken, Contact, Rung
from shared.catalog.fields import LADDER_RULES
from shared.catalog.policy import Ladder
from shared.contracts.base import Band


@pytest.mark.parametrize(
    ("bands", "signals", "rung"),
    [
        pytest.param([], 0, "prospect", id="nothing heard of yet"),
        pytest.param([], 1, "customer", id="one event"),
        pytest.param(["low"], 5, "customer", id="a bad answer"),
        pytest.param(["low", "high"], 5, "satisfied", id="put right"),
        pytest.param(["high", "high"], 5, "loyal", id="good twice"),
        pytest.param(["high", "high", "low"], 5, "customer", id="not any more"),
        pytest.param(["high"] * 3, 5, "advocate", id="good three times"),
        pytest.param(["low", *["high"] * 3], 5, "loyal", id="good three times after a bad one"),
    ],
)
def test_the_careful_defaults(bands: Sequence[Band], signals: int, rung: Rung) -> None:
    assert climb(Contact(), Course(bands, signals), Ladder()) == rung


def test_a_business_draws_its_own_lines() -> None:
    ladder = Ladder(loyal=LADDER_RULES.condition("profile.value > 1000.0"))
    assert climb(Contact(value=1000.0), Course(signals=1), ladder) == "customer"
    assert climb(Contact(value=1000.5), Course(signals=1), ladder) == "loyal"


def test_a_rule_that_cannot_be_answered_says_so() -> None:
    ladder = Ladder(customer=LADDER_RULES.condition("100 / signals.total > 1"))
    assert isinstance(climb(Contact(rung="loyal"), Course(), ladder), Broken)
