"""Thousands of moments that come due together for one customer cost what each of them costs."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest

from services.ask.decide import turns
from services.ask.decide.triggers import hear
from services.ask.model import Person
from services.ask.policy import book
from tests.support.clock import START
from tests.unit.ask.moments import POLICY, a_catalog, a_signal, hours

MANY = 300


@pytest.mark.parametrize("what", ["act: case", "survey: delivery"])
def test_no_moment_is_looked_at_for_each_of_the_others(what: str) -> None:
    touchpoint = f"- touchpoint: t\n  on: {{signal: order.lost}}\n  delay: 1h\n  {what}\n"
    plans = book(a_catalog({"touchpoints.yaml": touchpoint, "policy.yaml": POLICY}))
    person = Person("c1")
    for number in range(MANY):
        at = START + timedelta(minutes=number % 30)
        signal = a_signal(f"e{number}", name="order.lost", at=at, correlation=f"o{number}")
        for found in hear(person, signal, plans)[1]:
            turns.begin(person, found, at)
    with patch.object(turns, "released_at", wraps=turns.released_at) as looked:
        assert len(list(turns.turn(person, plans, START + hours(3)))) == MANY
    assert looked.call_count <= 2 * MANY
    assert person.waiting == {}
