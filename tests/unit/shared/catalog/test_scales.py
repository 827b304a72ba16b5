"""Bands are exact on both sides of every boundary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.scales import SCALES, Band, Metric, band

BANDS: list[tuple[Metric, str]] = [
    ("nps", "LLLLLLLMMHH"),
    ("csat", "LLMHH"),
    ("ces", "HHMLL"),
    ("ces2", "LLLMMHH"),
    ("experience", "LLMHH"),
]
LETTERS: dict[str, Band] = {"L": "low", "M": "mid", "H": "high"}
ORDER = ("low", "mid", "high")
METRICS = st.sampled_from(sorted(SCALES))


@pytest.mark.parametrize(("metric", "letters"), BANDS, ids=[metric for metric, _ in BANDS])
def test_every_score_of_a_metric_has_its_band(metric: Metric, letters: str) -> None:
    assert [band(metric, score) for score in SCALES[metric].scores] == [
        LETTERS[letter] for letter in letters
    ]


@given(metric=METRICS, scores=st.tuples(st.integers(0, 10), st.integers(0, 10)))
def test_a_better_score_is_never_a_worse_band(metric: Metric, scores: tuple[int, int]) -> None:
    scale = SCALES[metric]
    low, high = sorted(max(scale.minimum, min(scale.maximum, score)) for score in scores)
    worse, better = (low, high) if scale.direction == "higher_is_better" else (high, low)
    assert ORDER.index(band(metric, worse)) <= ORDER.index(band(metric, better))


@given(parts=st.lists(st.integers(1, 5), min_size=3, max_size=3))
def test_an_experience_is_as_good_as_its_worst_part(parts: list[int]) -> None:
    assert band("experience", *parts) == band("csat", min(parts))


@given(metric=METRICS, score=st.integers())
def test_a_score_off_the_scale_is_refused_with_the_range(metric: Metric, score: int) -> None:
    scale = SCALES[metric]
    if score in scale.scores:
        assert band(metric, score) in ORDER
        return
    with pytest.raises(ValueError, match=f"from {scale.minimum} to {scale.maximum}"):
        band(metric, score)


@pytest.mark.parametrize("score", [True, 3.0, "3", None], ids=repr)
def test_only_whole_numbers_are_scores(score: int) -> None:
    with pytest.raises(ValueError, match="give a whole number from 1 to 5"):
        band("csat", score)


def test_only_an_experience_has_several_scores() -> None:
    with pytest.raises(ValueError, match="csat has a single score"):
        band("csat", 1, 2)
