"""What an operator may tune, as far as it concerns this service: teams and their targets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import get_args

from shared.catalog import Catalog, Targets
from shared.catalog.fields import Priority

PRIORITIES: tuple[Priority, ...] = get_args(Priority)

BOUNDARIES = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800, 43200)
) + tuple(timedelta(days=days) for days in (1, 2, 3, 5, 7, 10, 14))
"""Where the histograms of times are cut, besides at the configured targets."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The teams that exist, and where histograms are cut: every target is a boundary."""

    teams: frozenset[str]
    boundaries: tuple[int, ...]

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Every team and priority: they show as 0 before their first case."""
        return tuple((team, priority) for team in sorted(self.teams) for priority in PRIORITIES)


def of(catalog: Catalog) -> Policy:
    """Take from the catalog what concerns this service."""
    targets = [team.target(priority) for team in catalog.teams for priority in PRIORITIES]
    spans = {span for target in targets for span in _spans(target)}
    seconds = sorted({round(span.total_seconds()) for span in spans.union(BOUNDARIES)})
    return Policy(frozenset(team.team for team in catalog.teams), tuple(seconds))


def _spans(targets: Targets) -> tuple[timedelta, ...]:
    return (targets.acknowledge, targets.contact, targets.resolve)
