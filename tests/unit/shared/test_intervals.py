"""Published figures against values that others computed, and what holds of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import comb, inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.intervals import FEW, Estimate, Verdict, difference, median, nps, share, verdict

FEW_OR_MANY = st.integers(0, 4) | st.integers(0, 3000)
COUNTS = st.tuples(FEW_OR_MANY, FEW_OR_MANY, FEW_OR_MANY).filter(any)
Figure = Callable[[int, int, int], Estimate]


def _share(high: int, mid: int, low: int) -> Estimate:
    return share(high, high + mid + low)


def _nps(high: int, mid: int, low: int) -> Estimate:
    return nps(high, low, high + mid + low)


@pytest.fixture
def cran(shared_data: Path) -> dict[str, Any]:
    """What the R package NPS says of its own test data."""
    found: dict[str, Any] = json.loads((shared_data / "stats/nps_cran_expected.json").read_text())
    return found


def test_wilson_gives_the_known_interval() -> None:
    # Newcombe 1998, table I: 81 of 263, 0.2553 to 0.3662.
    found = share(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


def test_shares_are_those_that_r_prints(shared_data: Path) -> None:
    cases = json.loads((shared_data / "stats/binom_intervals.json").read_text())["cases"]
    assert len(cases) == 4
    for case in cases:
        found = share(case["successes"], case["n"])
        assert (found.low, found.high) == pytest.approx(case["wilson"], abs=1e-7)


@pytest.mark.parametrize(
    ("promoters", "detractors", "n", "value", "low", "high"),
    [
        (50, 10, 80, 50, 33, 64),
        (500, 100, 800, 50, 45, 55),
        (0, 0, 30, 0, -7, 7),
    ],
)
def test_nps_has_the_adjusted_wald_interval(
    promoters: int, detractors: int, n: int, value: float, low: float, high: float
) -> None:
    found = nps(promoters, detractors, n)
    assert [round(x or 0) for x in (found.value, found.low, found.high)] == [value, low, high]


def test_nps_is_that_of_the_r_package(cran: dict[str, Any]) -> None:
    known = [cran["overall"], *cran["by_BU"].values(), *cran["by_Region"].values()]
    compared = [each for each in known if each]
    assert len(compared) == 9
    for each in compared:
        found = nps(each["promoters"], each["detractors"], each["n"])
        assert found.value == pytest.approx(each["nps"], abs=1e-9)
        # The package's interval is the plain one, which three more answers move but little.
        assert (found.low, found.high) == pytest.approx(each["wald95"], abs=100 / each["n"])


def test_the_difference_of_two_nps_is_that_of_the_r_package(cran: dict[str, Any]) -> None:
    here, there = (
        nps(each["promoters"], each["detractors"], each["n"])
        for each in (cran["by_Region"]["NAM"], cran["by_Region"]["EMEA"])
    )
    known = cran["two_sample_NAM_vs_EMEA"]
    assert difference(there, here) == pytest.approx(known["ci95"], abs=0.25)
    assert verdict(there, here, more_is_better=True) == "unclear", f"p = {known['p']}"


def test_the_printed_share_of_agreement_comes_out(shared_data: Path) -> None:
    cases = json.loads((shared_data / "stats/published_worked_examples.json").read_text())
    agree = next(each for each in cases if each["metric"].startswith("CES as percent agreeing"))
    value = share(agree["counts"]["4-5"], sum(agree["counts"].values())).value
    assert value == agree["published"] / 100


@pytest.mark.parametrize(
    ("after", "before", "low", "high"),
    [
        # Newcombe 1998 (difference of proportions), method 10: his examples (a) to (h).
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_two_shares_has_newcombes_interval(
    after: tuple[int, int], before: tuple[int, int], low: float, high: float
) -> None:
    found = difference(share(*before), share(*after))
    assert tuple(round(end, 4) for end in found) == (low, high)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(share(40, 100), share(10, 100), "worse", id="clearly less"),
        pytest.param(share(10, 100), share(40, 100), "better", id="clearly more"),
        pytest.param(share(20, 100), share(18, 100), "unclear", id="the interval holds 0"),
        pytest.param(share(20, 29), share(1, 100), "too_few", id="29 before are too few"),
        pytest.param(share(1, 100), share(20, 29), "too_few", id="29 after are too few"),
        pytest.param(share(20, 30), share(1, 30), "worse", id="30 are enough"),
        pytest.param(share(0, 0), share(1, 100), "too_few", id="nothing before"),
        pytest.param(nps(50, 10, 80), nps(20, 40, 80), "worse", id="points"),
    ],
)
def test_what_changed_is_said_only_where_it_is_known(
    before: Estimate, after: Estimate, said: Verdict
) -> None:
    assert verdict(before, after, more_is_better=True) == said
    other: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
    assert verdict(before, after, more_is_better=False) == other.get(said, said)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(5, 0, inf), (6, 1, 6), (10, 2, 9), (30, 10, 21), (100, 40, 61)],
)
def test_the_median_lies_between_the_ranks_of_the_tables(n: int, low: float, high: float) -> None:
    found = median([float(value) for value in range(n, 0, -1)])
    assert found == Estimate(n, (n + 1) / 2, low, high)


def test_who_still_waits_counts_as_longer_than_any() -> None:
    assert median([1.0, 2.0, 3.0], longer=2) == Estimate(5, 3.0, 0.0, inf)
    assert median([1.0], longer=2) == Estimate(3, inf, 0.0, inf)
    assert median([1.0] * 25, longer=15) == Estimate(40, 1.0, 1.0, inf)


def test_of_nobody_there_is_no_figure_and_anything_may_be_true() -> None:
    assert share(0, 0) == Estimate(0, None, 0.0, 1.0)
    assert nps(0, 0, 0) == Estimate(0, None, -100.0, 100.0)
    assert median([]) == Estimate(0, None, 0.0, inf)
    assert difference(share(0, 0), share(0, 0)) == (-1.0, 1.0)


def test_thirty_are_the_first_of_whom_something_is_said() -> None:
    assert (share(1, FEW - 1).too_few, share(1, FEW).too_few) == (True, False)


@pytest.mark.parametrize(("figure", "least", "most"), [(_share, 0, 1), (_nps, -100, 100)])
@given(counts=COUNTS)
def test_an_interval_holds_what_was_found_and_stays_on_its_scale(
    figure: Figure, least: float, most: float, counts: tuple[int, int, int]
) -> None:
    found = figure(*counts)
    assert found.value is not None
    assert least <= found.low <= found.value <= found.high <= most
    assert found.low < found.high, "nothing is ever certain"


@given(counts=COUNTS, times=st.integers(2, 20))
def test_more_of_the_same_is_known_better(counts: tuple[int, int, int], times: int) -> None:
    for figure in (_share, _nps):
        few, many = figure(*counts), figure(*(times * each for each in counts))
        assert many.value == pytest.approx(few.value)
        assert many.high - many.low < few.high - few.low


@given(counts=COUNTS)
def test_turning_the_scale_around_turns_the_figure_around(counts: tuple[int, int, int]) -> None:
    high, mid, low = counts
    found, turned = _nps(high, mid, low), _nps(low, mid, high)
    assert (turned.value, turned.low, turned.high) == pytest.approx(
        (-(found.value or 0), -found.high, -found.low)
    )
    n = sum(counts)
    assert share(high, n).low == pytest.approx(1 - share(n - high, n).high)


@given(before=COUNTS, after=COUNTS)
def test_going_back_undoes_a_change(
    before: tuple[int, int, int], after: tuple[int, int, int]
) -> None:
    for figure in (_share, _nps):
        a, b = figure(*before), figure(*after)
        low, high = difference(a, b)
        assert low <= (b.value or 0) - (a.value or 0) <= high
        assert difference(b, a) == pytest.approx((-high, -low))


@given(n=st.integers(6, 400))
def test_the_interval_of_a_median_is_the_narrowest_that_is_wide_enough(n: int) -> None:
    rank = int(median([float(value) for value in range(1, n + 1)]).low)
    beyond = sum(comb(n, each) for each in range(rank)) / 2**n
    assert beyond <= 0.025 < beyond + comb(n, rank) / 2**n
