"""One attempt to deliver one alert: over the channel as it is configured now, in bounded time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import ValidationError

from services.route import decide
from services.route.model import Delivery, Kind, Letter, Notice, Refused, Result
from shared.catalog import Catalog, Channel
from shared.contracts.envelope import describe

_log = logging.getLogger(__name__)
LONGEST_ATTEMPT = 15.0
"""Above the channels' own time-outs, and well below the lease."""


class Sender(Protocol):
    """A kind of channel. It raises nothing that a receiver can cause."""

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Deliver, and say what came of it."""
        ...


class Closing(Protocol):
    """What holds connections."""

    async def close(self) -> None:
        """Give back connections."""
        ...


class Outbound:
    """Sends alerts by their kind."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        senders: Mapping[Kind, Sender],
        closing: Sequence[Closing] = (),
    ) -> None:
        self._catalog = catalog
        self._senders = dict(senders)
        self._closing = tuple(closing)

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
        for each in self._closing:
            await each.close()

    async def _send(self, delivery: Delivery, now: datetime) -> Result:
        notice = _readable(delivery)
        if notice is None:
            return Refused("unreadable")
        catalog = self._catalog()
        channel = decide.channel_of(catalog, delivery)
        if channel is None:
            return Refused("no_channel")
        if _disabled(delivery, channel):
            return Refused("gone")
        sender = self._senders.get(channel.kind)
        if sender is None:
            return Refused("not_installed")
        team = catalog.team(delivery.team)
        async with asyncio.timeout(LONGEST_ATTEMPT):
            letter = Letter(delivery, notice, team, channel)
            return await sender.send(letter, now)


def _disabled(delivery: Delivery, channel: Channel) -> bool:
    """Say whether the receiver told us that it is gone; only a test asks it again."""
    if delivery.health != "disabled" or delivery.notice["type"] == "channel.test":
        return False
    return delivery.refused_target == decide.target(channel)


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
