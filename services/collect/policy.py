"""What `collect` takes from the catalog: touchpoints, surveys, owners, the brand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from shared.catalog.owners import Team
from shared.catalog.policy import Brand, Limits
from shared.catalog.touchpoints import Survey, Touchpoint

CHANGEABLE_FOR = timedelta(hours=24)
"""How long an answer can be corrected by the one who gave it."""

FINAL_AFTER = timedelta(seconds=60)
"""How long after its last partial save an answer counts as final without the second page."""


TOLD_AFTER = timedelta(hours=26)
"""How long after the beginning of its day an unlinked answer is told to others, whenever on that
day it was given; so long it can be changed."""


class Question(NamedTuple):
    """A touchpoint together with the survey it asks."""

    touchpoint: Touchpoint
    survey: Survey


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of one catalog version that answers are judged by."""

    touchpoints: Mapping[str, Touchpoint]
    surveys: Mapping[str, Survey]
    teams: Mapping[str, Team]
    fallback: Team
    brand: Brand
    time_zone: str
    keep_for: timedelta
    limits: Limits

    def owner(self, touchpoint: str) -> Team:
        """Return the team that most likely gets a low score; which one does, `route` decides."""
        found = self.touchpoints.get(touchpoint)
        return self.teams.get(found.owner or "", self.fallback) if found else self.fallback

    def question(self, touchpoint: str) -> Question:
        """Return what a touchpoint asks; raises LookupError with one line when it asks nothing."""
        found = self.touchpoints.get(touchpoint)
        if found is None:
            raise LookupError(f"touchpoint {touchpoint!r} is not in the catalog")
        if found.survey is None or found.survey not in self.surveys:
            raise LookupError(f"touchpoint {touchpoint!r} has no survey, so it takes no answers")
        return Question(found, self.surveys[found.survey])
