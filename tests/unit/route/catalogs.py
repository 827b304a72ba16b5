"""A small catalog, and responses to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.catalog import Catalog, Channel, Routing, Team
from shared.contracts.responses import Response

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def team(name: str, *channels: Channel, zone: str = "UTC") -> Team:
    """A team; without channels it has one mailbox."""
    mailbox = Channel(channel=f"{name}-mail", kind="email", address=f"{name}@example.test")
    return Team(team=name, name=name.capitalize(), time_zone=zone, channels=channels or (mailbox,))


def hook(name: str, url: str, secret: str = "owners") -> Channel:
    """A webhook channel."""
    return Channel(channel=name, kind="webhook", url=url, secret=secret)


def catalog(routing: dict[str, Any] | None = None, *teams: Team) -> Catalog:
    """A catalog whose fallback team is `care`."""
    return Catalog(
        version="v1",
        teams=teams or (team("care"), team("billing"), team("delivery")),
        routing=Routing.model_validate(routing or {"team": "care"}),
    )


def response(response_id: str = "r1", **changes: Any) -> Response:
    """A low score at `first-bill`."""
    fields: dict[str, Any] = {
        "response_id": response_id,
        "touchpoint": "first-bill",
        "survey": "bill-effort",
        "metric": "nps",
        "customer_id": "c1",
        "score": 2,
        "band": "low",
        "channel": "email",
        "received_at": AT,
        "at": AT,
    }
    return Response.model_validate(fields | changes)
