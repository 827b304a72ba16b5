"""Scales of the metrics, and what a score on them says about the experience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Metric = Literal["nps", "csat", "ces", "ces2", "experience"]
Band = Literal["low", "mid", "high"]
Direction = Literal["higher_is_better", "lower_is_better"]

EXPERIENCE_PARTS = ("needs", "ease", "enjoyment")


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of whole numbers; `low` and `high` are the scores of a bad and a good experience."""

    metric: Metric
    minimum: int
    maximum: int
    direction: Direction
    low: range
    high: range

    @property
    def scores(self) -> range:
        """All scores, smallest first."""
        return range(self.minimum, self.maximum + 1)

    def check(self, score: int) -> int:
        """Return the score, or raise ValueError saying what would be right."""
        whole = isinstance(score, int) and not isinstance(score, bool)
        if not whole or score not in self.scores:
            raise ValueError(
                f"{score!r} is not a score of {self.metric}: "
                f"give a whole number from {self.minimum} to {self.maximum}"
            )
        return score


SCALES: Mapping[Metric, Scale] = {
    "nps": Scale("nps", 0, 10, "higher_is_better", low=range(0, 7), high=range(9, 11)),
    "csat": Scale("csat", 1, 5, "higher_is_better", low=range(1, 3), high=range(4, 6)),
    # Effort: 1 is the least of it, so the high scores are the bad experiences.
    "ces": Scale("ces", 1, 5, "lower_is_better", low=range(4, 6), high=range(1, 3)),
    # Agreement with "they made it easy": a metric of its own, never averaged with ces.
    "ces2": Scale("ces2", 1, 7, "higher_is_better", low=range(1, 4), high=range(6, 8)),
    "experience": Scale("experience", 1, 5, "higher_is_better", low=range(1, 3), high=range(4, 6)),
}


def scale(metric: Metric) -> Scale:
    """Return the scale of a metric."""
    return SCALES[metric]


def band(metric: Metric, score: int, *others: int) -> Band:
    """Return the quality of the experience, whatever the direction of the scale.

    `others` are the further parts of an `experience`, which is as good as its worst part.
    """
    if others and metric != "experience":
        raise ValueError(f"{metric} has a single score: give {score!r} alone")
    measure = SCALES[metric]
    worst = min(measure.check(part) for part in (score, *others))
    if worst in measure.low:
        return "low"
    return "high" if worst in measure.high else "mid"
