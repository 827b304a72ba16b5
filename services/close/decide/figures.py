"""What the numbers say, with how sure one may be: 95 % intervals, and silence under 30."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p, sqrt
from typing import Literal

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

TAIL = 0.025
FEW = 30

Verdict = Literal["better", "worse", "unclear", "too_few"]


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n, with its interval."""

    n: int
    value: float | None
    low: float
    high: float


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

    before: Share
    after: Share
    low: float
    high: float

    @property
    def verdict(self) -> Verdict:
        """What a fix did: fewer low scores are better; an interval around 0 says nothing."""
        if min(self.before.n, self.after.n) < FEW:
            return "too_few"
        if self.low <= 0.0 <= self.high:
            return "unclear"
        return "better" if self.high < 0 else "worse"


def share(hits: int, n: int) -> Share:
    """Return hits of n with Wilson's interval (1927)."""
    if n == 0:
        return Share(0, None, 0.0, 1.0)
    p, square = hits / n, Z * Z
    middle = (p + square / (2 * n)) / (1 + square / n)
    half = Z * sqrt(p * (1 - p) / n + square / (4 * n * n)) / (1 + square / n)
    return Share(n, p, max(0.0, middle - half), min(1.0, middle + half))


def change(low_before: int, before: int, low_after: int, after: int) -> Change:
    """Return after minus before, with the interval of Newcombe (1998, method 10)."""
    a, b = share(low_after, after), share(low_before, before)
    if a.value is None or b.value is None:
        return Change(b, a, -1.0, 1.0)
    difference = a.value - b.value
    down = sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    up = sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Change(b, a, difference - down, difference + up)


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
