"""Where histograms of times are cut: every target of a catalog is a boundary, or it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import get_args

from shared.catalog.fields import Priority
from shared.catalog.owners import Targets, Team

_DAY = 86400
STANDARD = (
    *(1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200),
    *(days * _DAY for days in (1, 2, 3, 5, 7, 10, 14)),
)
"""Seconds. A target that is one of these costs nothing."""

MOST_MORE = 8
"""Each further boundary is a series more for every team, priority and clock."""


def boundaries(teams: Iterable[Team]) -> tuple[int, ...]:
    """Return the boundaries in seconds: the standard ones, and every target."""
    return tuple(sorted({*STANDARD, *further(teams)}))


def further(teams: Iterable[Team]) -> set[int]:
    """Return the targets that are no standard boundary."""
    given = (team.target(priority) for team in teams for priority in get_args(Priority))
    return {seconds for each in given for span in _spans(each)
            if (seconds := round(span.total_seconds())) not in STANDARD}  # fmt: skip


def nearest(seconds: int) -> int:
    """Return the standard boundary that is closest."""
    return min(STANDARD, key=lambda each: abs(each - seconds))


def _spans(targets: Targets) -> tuple[timedelta, ...]:
    return (targets.route, targets.acknowledge, targets.contact, targets.resolve)
