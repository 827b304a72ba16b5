"""The probability that stands in a decision is the share of moments that are let through."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.ask.decide.gates import decide
from services.ask.decide.turns import Verdict
from services.ask.model import Silent
from services.ask.policy import Plan
from services.ask.record import decision_of
from tests.support.clock import START
from tests.unit.ask.moments import a_plan, a_signal, facts

CUSTOMERS = 1_500
SIGMAS = 5
"""How far off chance alone takes a share once in two million times."""


def asked(plan: Plan) -> list[bool]:
    """Which of many customers, one moment of each, are asked."""
    signals = (a_signal(f"e{n}", customer=f"c{n}") for n in range(CUSTOMERS))
    moments = (facts(signal, plan=plan) for signal in signals)
    return [not isinstance(decide(known, plan, START), Silent) for known in moments]


def recorded(plan: Plan) -> float:
    """The probability as others read it."""
    known = facts(plan=plan)
    verdict = Verdict(known.candidate, plan, known, decide(known, plan, START))
    return decision_of(verdict, "v1", START).probability


def off(found: list[bool], probability: float) -> float:
    """How many standard deviations a share is away from a probability."""
    spread = sqrt(max(probability * (1 - probability), 1e-9) / len(found))
    return abs(sum(found) / len(found) - probability) / spread


SHARES = st.integers(0, 20).map(lambda n: n / 20)


@settings(max_examples=25)
@given(holdout=SHARES, sample=SHARES, salt=st.text(max_size=8))
@example(holdout=0.0, sample=1.0, salt="")
@example(holdout=0.1, sample=0.5, salt="x")
@example(holdout=1.0, sample=1.0, salt="x")
def test_the_recorded_probability_is_the_share_of_customers_who_are_asked(
    holdout: float, sample: float, salt: str
) -> None:
    plan = replace(a_plan(), holdout=holdout, sample=sample, salt=salt)
    assert off(asked(plan), recorded(plan)) < SIGMAS


def test_a_case_is_opened_for_customers_who_are_held_out_too() -> None:
    plan = replace(a_plan("lost"), holdout=0.5, sample=0.3)
    assert recorded(plan) == 0.3
    assert off(asked(plan), 0.3) < SIGMAS


def test_answers_weighted_by_its_inverse_count_everybody() -> None:
    plan = replace(a_plan(), holdout=0.2, sample=0.25)
    assert sum(asked(plan)) / recorded(plan) == pytest.approx(CUSTOMERS, rel=0.12)


def test_many_moments_of_one_customer_do_not_make_a_small_sample_a_large_one() -> None:
    """Each is drawn for itself, and none again however often it is heard."""
    plan = replace(a_plan(), sample=0.1)
    moments = [facts(a_signal(f"e{n}"), plan=plan) for n in range(1_000)]
    first, again = (
        [not isinstance(decide(known, plan, START), Silent) for known in moments] for _ in range(2)
    )
    assert first == again
    assert off(first, 0.1) < SIGMAS
