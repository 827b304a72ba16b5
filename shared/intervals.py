"""Published figures: what was found, of how many, and the 95 % interval around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, sqrt
from typing import Literal

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

TAIL = 0.025
FEW = 30
"""Fewer are too few to say anything of."""

Verdict = Literal["better", "worse", "unclear", "too_few"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value found among n, and its interval; nothing was found among none."""

    n: int
    value: float | None
    low: float
    high: float

    @property
    def too_few(self) -> bool:
        """Whether so few prove nothing."""
        return self.n < FEW


def share(hits: int, n: int) -> Estimate:
    """Return hits of n, 0 to 1, with Wilson's interval (1927)."""
    if n == 0:
        return Estimate(0, None, 0.0, 1.0)
    p, square = hits / n, Z * Z
    middle = (p + square / (2 * n)) / (1 + square / n)
    half = Z * sqrt(p * (1 - p) / n + square / (4 * n * n)) / (1 + square / n)
    return Estimate(n, p, min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half)))


def nps(promoters: int, detractors: int, n: int) -> Estimate:
    """Return promoters less detractors of n, -100 to 100, with the adjusted Wald interval.

    Three answers are added, three quarters each to both ends (Rocks 2016): the plain interval is
    too narrow for few answers and has no width where all say the same. For very few the middle
    moves so far that what was found is outside; the interval then reaches up to it.
    """
    if n == 0:
        return Estimate(0, None, -100.0, 100.0)
    found = (promoters - detractors) / n
    above, below = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
    middle = above - below
    half = Z * sqrt((above + below - middle * middle) / (n + 3))
    low, high = max(-1.0, middle - half), min(1.0, middle + half)
    return Estimate(n, 100 * found, 100 * min(found, low), 100 * max(found, high))


def median(values: Sequence[float], longer: int = 0) -> Estimate:
    """Return the median with the interval of the order statistics, whatever the distribution.

    `longer` more are known only to be greater than any: an end that lies among them is infinite.
    """
    n = len(values) + longer
    if n == 0:
        return Estimate(0, None, 0.0, inf)
    ordered = [*sorted(values), *[inf] * longer]
    rank = _rank(n)
    low, high = (ordered[rank - 1], ordered[n - rank]) if rank else (0.0, inf)
    return Estimate(n, (ordered[(n - 1) // 2] + ordered[n // 2]) / 2, low, high)


def _rank(n: int) -> int:
    """Return which value from either end bounds the median: at most 2.5 % lie beyond each."""
    beyond, rank, base = 0.0, 0, lgamma(n + 1) - n * log(2)
    while rank <= n // 2:
        beyond += exp(base - lgamma(rank + 1) - lgamma(n - rank + 1))
        if beyond > TAIL:
            break
        rank += 1
    return rank


def difference(before: Estimate, after: Estimate) -> tuple[float, float]:
    """Return the interval of after less before, from theirs (Newcombe 1998, method 10).

    It holds for figures other than shares as well: Zou and Donner 2008.
    """
    if before.value is None or after.value is None:
        return after.low - before.high, after.high - before.low
    found = after.value - before.value
    down = sqrt((after.value - after.low) ** 2 + (before.high - before.value) ** 2)
    up = sqrt((after.high - after.value) ** 2 + (before.value - before.low) ** 2)
    return found - down, found + up


def verdict(before: Estimate, after: Estimate, *, more_is_better: bool) -> Verdict:
    """Say what changed: an interval of the difference that holds 0 says nothing."""
    if before.too_few or after.too_few:
        return "too_few"
    low, high = difference(before, after)
    if low <= 0.0 <= high:
        return "unclear"
    return "better" if (low > 0.0) == more_is_better else "worse"
