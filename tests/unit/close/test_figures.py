"""Intervals against published or independently computed values."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import pytest

from services.close.decide import figures


def test_a_fix_is_judged_by_the_difference_of_low_shares() -> None:
    # Newcombe 1998 (difference of proportions), 56/70 - 48/80, method 10: 0.0524 to 0.3339.
    found = figures.change(48, 80, 56, 70)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert (found.before.n, found.after.n) == (80, 70)
    assert found.verdict == "worse", "more low scores"


def test_ratios_are_those_that_r_prints(shared_data: Path) -> None:
    cases = json.loads((shared_data / "stats" / "binom_intervals.json").read_text())["cases"]
    assert len(cases) == 4
    for case in cases:
        hits, n = case["successes"], case["n"]
        # Over equal spans the ratio is the odds of the share, whose interval is the exact one.
        low, high = (inf if p == 1.0 else p / (1 - p) for p in case["exact"])
        found = figures.ratio(hits, 7, n - hits, 7)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-5)


def test_the_ratio_of_two_rates_has_the_exact_interval() -> None:
    # Clopper-Pearson of 11 of 16 is 0.4134 to 0.8898: odds 0.7047 to 8.074, over equal spans.
    found = figures.ratio(11, 7, 5, 7)
    assert found.value == pytest.approx(2.2)
    assert found.low == pytest.approx(0.4134 / 0.5866, rel=2e-3)
    assert found.high == pytest.approx(0.8898 / 0.1102, rel=2e-3)
    assert not found.hot


def test_a_cause_is_hot_when_even_the_lower_end_is_above_its_past() -> None:
    assert figures.ratio(12, 7, 8, 56).hot
    assert not figures.ratio(2, 7, 8, 56).hot


def test_a_cause_without_a_past_has_no_ratio_and_no_upper_end() -> None:
    found = figures.ratio(6, 7, 0, 56)
    assert (found.value, found.high) == (None, inf)
    assert found.hot
    assert not figures.ratio(0, 7, 0, 56).hot
