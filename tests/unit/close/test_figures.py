"""Intervals against published or independently computed values."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import pytest

from services.close.decide import figures


def test_wilson_gives_the_known_interval() -> None:
    # Newcombe 1998, table I: 81 of 263, 0.2553 to 0.3662.
    found = figures.share(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_the_difference_of_two_shares_has_newcombes_interval() -> None:
    # Newcombe 1998 (difference of proportions), 56/70 - 48/80, method 10: 0.0524 to 0.3339.
    found = figures.change(48, 80, 56, 70)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert found.verdict == "worse"


@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    [
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombes_other_examples_come_out_too(
    after: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    found = figures.change(*before, *after)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_intervals_are_those_that_r_prints(shared_data: Path) -> None:
    cases = json.loads((shared_data / "stats" / "binom_intervals.json").read_text())["cases"]
    assert len(cases) == 4
    for case in cases:
        hits, n = case["successes"], case["n"]
        wilson = figures.share(hits, n)
        assert (wilson.low, wilson.high) == pytest.approx(case["wilson"], abs=1e-7)
        # Over equal spans the ratio is the odds of the share, whose interval is the exact one.
        low, high = (inf if p == 1.0 else p / (1 - p) for p in case["exact"])
        found = figures.ratio(hits, 7, n - hits, 7)
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-5)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        pytest.param((40, 100), (10, 100), "better", id="clearly fewer low scores"),
        pytest.param((20, 100), (18, 100), "unclear", id="the interval holds 0"),
        pytest.param((20, 29), (1, 100), "too_few", id="29 before are too few"),
        pytest.param((20, 30), (1, 30), "better", id="30 are enough"),
        pytest.param((0, 0), (1, 100), "too_few", id="nothing before"),
    ],
)
def test_what_a_fix_did(before: tuple[int, int], after: tuple[int, int], verdict: str) -> None:
    assert figures.change(*before, *after).verdict == verdict


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
