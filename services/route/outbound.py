"""One attempt to deliver one alert: over the channel as it is configured now, in bounded time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from pydantic import ValidationError

from services.route.model import Delivery, Kind, Letter, Notice, Refused, Result
from shared.catalog import Catalog, Channel, NotInCatalog, Team
from shared.contracts.envelope import describe

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
        try:
            return await self._send(delivery, now)
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

    async def _send(self, delivery: Delivery, now: datetime) -> Result:
        notice = _readable(delivery)
        if notice is None:
            return Refused("unreadable")
        found = self._find(delivery)
        if found is None:
            return Refused("no_channel")
        team, channel = found
        async with asyncio.timeout(LONGEST_ATTEMPT):
            letter = Letter(delivery, notice, team, channel)
            return await self._senders[channel.kind].send(letter, now)

    def _find(self, delivery: Delivery) -> tuple[Team, Channel] | None:
        try:
            team = self._catalog().team(delivery.team)
        except NotInCatalog:
            return None
        for channel in team.channels:
            if channel.channel == delivery.channel:
                return team, channel
        return None


def _readable(delivery: Delivery) -> Notice | None:
    try:
        return Notice.model_validate(delivery.notice)
    except ValidationError as error:
        _log.error(  # noqa: TRY400  (the stack says nothing that the description does not)
            "alert of another release",
            extra={
                "action": "alert_unreadable",
                "alert_id": delivery.alert_id,
                "reason": describe(error),
            },
        )
        return None
