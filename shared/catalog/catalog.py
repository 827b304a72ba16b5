"""The catalog as services use it: one frozen value, and the questions they ask of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TypeVar

from shared.catalog.fields import Entry
from shared.catalog.owners import Routing, Team
from shared.catalog.policy import Policy
from shared.catalog.sources import Source
from shared.catalog.touchpoints import Survey, Touchpoint
from shared.errors import TouchbackError

Item = TypeVar("Item")


class NotInCatalog(TouchbackError):
    """The catalog has no entry of that name."""


class Catalog(Entry):
    """Everything a team configures; `version` is a short hash of the files it was read from."""

    version: str
    sources: tuple[Source, ...] = ()
    touchpoints: tuple[Touchpoint, ...] = ()
    surveys: tuple[Survey, ...] = ()
    teams: tuple[Team, ...]
    routing: Routing
    policy: Policy = Policy()

    def touchpoint(self, name: str) -> Touchpoint:
        """Raise `NotInCatalog` when there is none."""
        return _found("touchpoint", name, self._touchpoints)

    def survey(self, name: str) -> Survey:
        """Raise `NotInCatalog` when there is none."""
        return _found("survey", name, self._surveys)

    def team(self, name: str) -> Team:
        """Raise `NotInCatalog` when there is none."""
        return _found("team", name, self._teams)

    def survey_of(self, touchpoint: str) -> Survey:
        """Return the survey of a touchpoint; raise `NotInCatalog` when it has none."""
        name = self.touchpoint(touchpoint).survey
        if name is None:
            raise NotInCatalog(f'touchpoint "{touchpoint}" has no survey')
        return self.survey(name)

    @property
    def fallback_team(self) -> Team:
        """The team that owns what nobody else owns."""
        return self.team(self.routing.team or "")

    @cached_property
    def sources_by_topic(self) -> Mapping[str, tuple[Source, ...]]:
        """The sources on each topic, or pattern of topics: more than one system may share one."""
        return _grouped((source.topic, source) for source in self.sources)

    @property
    def source_topics(self) -> list[str]:
        """The topics of sources that are known by name."""
        return [name for name in self.sources_by_topic if not name.startswith("^")]

    @cached_property
    def _touchpoints(self) -> dict[str, Touchpoint]:
        return {touchpoint.touchpoint: touchpoint for touchpoint in self.touchpoints}

    @cached_property
    def _surveys(self) -> dict[str, Survey]:
        return {survey.survey: survey for survey in self.surveys}

    @cached_property
    def _teams(self) -> dict[str, Team]:
        return {team.team: team for team in self.teams}


def _found(kind: str, name: str, entries: Mapping[str, Item]) -> Item:
    try:
        return entries[name]
    except KeyError:
        raise NotInCatalog(f'the catalog has no {kind} "{name}"') from None


def _grouped(pairs: Iterable[tuple[str, Item]]) -> Mapping[str, tuple[Item, ...]]:
    groups: dict[str, list[Item]] = defaultdict(list)
    for key, item in pairs:
        groups[key].append(item)
    return {key: tuple(items) for key, items in groups.items()}
