"""Which channels refuse us, of those that the catalog has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.route.decide.tidings import target
from services.route.model import Health, Kind
from shared.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an endpoint refuses us since then, as the target that it was."""

    state: Health
    target: str
    failure: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel does; `failure` and `since` belong to one that does not work."""

    team: str
    channel: str
    kind: Kind
    state: Health
    failure: str | None = None
    since: datetime | None = None


def standings(catalog: Catalog, refusals: Mapping[str, Refusal]) -> list[Standing]:
    """Return each channel of the catalog; what was changed since is not what refused us."""
    found = []
    for team in catalog.teams:
        for channel in team.channels:
            refusal = refusals.get(f"{team.team}/{channel.channel}")
            of = (team.team, channel.channel, channel.kind)
            if refusal is None or refusal.target != target(channel):
                found.append(Standing(*of, "working"))
            else:
                found.append(Standing(*of, refusal.state, refusal.failure, refusal.since))
    return found
