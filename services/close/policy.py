"""What an operator may tune, as far as it concerns this service: teams, targets, root causes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

from shared import business_time, languages
from shared.business_time import Calendar
from shared.catalog import Catalog, Member, RootCause, Team, targets
from shared.catalog.fields import Priority

PRIORITIES: tuple[Priority, ...] = get_args(Priority)


@dataclass(frozen=True, slots=True)
class Policy:
    """The teams that exist, and where histograms are cut: every target is a boundary."""

    teams: frozenset[str]
    boundaries: tuple[int, ...]
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    root_causes: Mapping[str, tuple[RootCause, ...]] = field(default_factory=dict)
    members: Mapping[str, tuple[Member, ...]] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)
    fallback: str = ""

    @property
    def labels(self) -> tuple[tuple[str, str], ...]:
        """Every team and priority: they show as 0 before their first case."""
        return tuple((team, priority) for team in sorted(self.teams) for priority in PRIORITIES)

    def at_work(self, team: str, now: datetime) -> bool:
        """Say whether somebody of the team is at work; a team that is gone has nobody."""
        if team not in self.teams:
            return False
        return business_time.is_open(now, self.calendars.get(team, business_time.ALWAYS))

    def language_of(self, *teams: str) -> str:
        """Return the language of the first of these teams that is known."""
        known = (self.languages[team] for team in teams if team in self.languages)
        return next(known, languages.SOURCE)

    def teams_of(self, member: str) -> tuple[str, ...]:
        """Return the teams that somebody belongs to."""
        return tuple(
            team
            for team, members in self.members.items()
            if any(each.member == member for each in members)
        )

    def causes_of(self, team: str) -> tuple[str, ...]:
        """Return the root causes a team has named; with none of its own it may give any."""
        return tuple(each.cause for each in self.root_causes.get(team, ()))


def of(catalog: Catalog) -> Policy:
    """Take from the catalog what concerns this service."""
    return Policy(
        frozenset(team.team for team in catalog.teams),
        targets.boundaries(catalog.teams),
        {team.team: _calendar(team) for team in catalog.teams},
        {team.team: team.root_causes for team in catalog.teams},
        {team.team: team.members for team in catalog.teams},
        {team.team: team.language for team in catalog.teams},
        catalog.routing.team or "",
    )


def _calendar(team: Team) -> Calendar:
    hours = team.calendar.hours if team.calendar else {}
    spans: dict[str, list[tuple[str, str]]] = {
        day: [(f"{span.start:%H:%M}", f"{span.end:%H:%M}") for span in each]
        for day, each in hours.items()
    }
    holidays = team.calendar.holidays if team.calendar else None
    return business_time.calendar(team.time_zone, spans, holidays)
