"""What the numbers say of root causes and fixes, with how sure one may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p

from shared import intervals
from shared.intervals import TAIL, Estimate, Verdict


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as often as before, with its interval; None where before there was none."""

    value: float | None
    low: float
    high: float

    @property
    def hot(self) -> bool:
        """Whether it is more often than before beyond doubt."""
        return self.low > 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """The share of low scores before and after, and their difference."""

    before: Estimate
    after: Estimate
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """What a fix did: fewer low scores are better."""
        return intervals.verdict(self.before, self.after, more_is_better=False)


def change(low_before: int, before: int, low_after: int, after: int) -> Change:
    """Return what became of the share of low scores."""
    past, now = intervals.share(low_before, before), intervals.share(low_after, after)
    return Change(past, now, *intervals.difference(past, now))


def ratio(lately: int, span: float, earlier: int, past: float) -> Ratio:
    """Return the ratio of two Poisson rates, with its exact interval.

    Given their sum, the later count is binomial (Przyborowski and Wilenski 1940); the limits of its
    share are those of Clopper and Pearson (1934).
    """
    n, scale = lately + earlier, past / span
    below = 0.0 if lately == 0 else _solve(lambda p: _at_least(lately, n, p) - TAIL)
    above = 1.0 if earlier == 0 else _solve(lambda p: TAIL - _at_least(earlier, n, 1 - p))
    value = lately / earlier * scale if earlier else None
    if n == 0:
        return Ratio(None, 0.0, inf)
    high = inf if above >= 1.0 else above / (1 - above) * scale
    return Ratio(value, below / (1 - below) * scale, high)


def _at_least(k: int, n: int, p: float) -> float:
    """Return the chance of k or more of n."""
    if p <= 0.0 or p >= 1.0:
        return float(p >= 1.0 or k <= 0)
    base = lgamma(n + 1)
    return sum(
        exp(base - lgamma(i + 1) - lgamma(n - i + 1) + i * log(p) + (n - i) * log1p(-p))
        for i in range(k, n + 1)
    )


def _solve(rising: Callable[[float], float]) -> float:
    """Return where a rising function passes 0 between 0 and 1."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
