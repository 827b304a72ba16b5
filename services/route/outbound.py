"""One attempt to deliver one alert: over the channel as it is configured now, in bounded time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from services.route.model import Delivery, Kind, Letter, Notice, Refused, Result
from shared.catalog import Catalog, Channel, NotInCatalog, Team

_log = logging.getLogger(__name__)
LONGEST_ATTEMPT = 15.0
"""Above the channels' own time-outs, and well below the lease."""


class Sender(Protocol):
    """A kind of channel. It raises nothing that a receiver can cause."""

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Deliver, and say what came of it."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class Outbound:
    """Sends alerts by their kind."""

    def __init__(self, catalog: Callable[[], Catalog], senders: Mapping[Kind, Sender]) -> None:
        self._catalog = catalog
        self._senders = dict(senders)

    async def send(self, delivery: Delivery, now: datetime) -> Result:
        """Deliver; whatever goes wrong is a result, so that one alert never harms another."""
        found = self._find(delivery)
        if found is None:
            return Refused("no_channel")
        team, channel = found
        letter = Letter(delivery, Notice.model_validate(delivery.notice), team, channel)
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT):
                return await self._senders[channel.kind].send(letter, now)
        except TimeoutError:
            return Refused("timeout")
        except Exception:  # noqa: BLE001  (a fault of ours in one alert: it is logged, and tried again like a network fault)
            _log.exception(
                "alert attempt failed",
                extra={"action": "alert_fault", "alert_id": delivery.alert_id},
            )
            return Refused("network")

    async def close(self) -> None:
        """Give back connections."""
        for sender in self._senders.values():
            await sender.close()

    def _find(self, delivery: Delivery) -> tuple[Team, Channel] | None:
        try:
            team = self._catalog().team(delivery.team)
        except NotInCatalog:
            return None
        for channel in team.channels:
            if channel.channel == delivery.channel:
                return team, channel
        return None
