"""What providers report by topic: a source maps it to a signal about the ask that it names."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.ask import outcomes, sends
from services.ask.outbound import Outbound
from shared import db
from shared.consume import Handle, Item
from shared.contracts.envelope import Event
from shared.contracts.signals import DELIVERY, DELIVERY_OUTCOMES, DELIVERY_REPORTS, Signal
from shared.errors import UnreadableMessage

_log = logging.getLogger(__name__)


def checked(signal: Signal) -> Signal:
    """Return a signal; raises UnreadableMessage for a report that nothing can be done with."""
    if not signal.signal.startswith(DELIVERY):
        return signal
    if signal.signal not in DELIVERY_REPORTS:
        names = ", ".join(DELIVERY + each for each in DELIVERY_OUTCOMES)
        raise UnreadableMessage(f"no report is called {signal.signal}; there are {names}")
    try:
        UUID(signal.correlation or "")
    except ValueError:
        raise UnreadableMessage(
            f"{signal.signal}: its correlation is no id of an invitation, which is what stands in"
            " the Message-ID of a mail before the @"
        ) from None
    return signal


class Reports:
    """Stands before what decides about signals, and takes those out that are reports."""

    def __init__(self, outbound: Outbound, handle: Handle[Event]) -> None:
        self._outbound = outbound
        self._handle = handle

    async def __call__(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Let the rest be handled first: it takes turns about customers, reports do about asks."""
        said = [item.value.body for item in items if _is_report(item.value)]
        rest = [item for item in items if not _is_report(item.value)]
        if rest:
            await self._handle(connection, rest, now)
        for body in said:
            if isinstance(body, Signal):
                await self._take(connection, body, now)

    async def _take(self, connection: db.Connection, said: Signal, now: datetime) -> None:
        outcome = said.signal.removeprefix(DELIVERY)
        report = outcomes.Report(outcome, said.occurred_at)
        id = str(UUID(said.correlation or ""))
        if not await report_of(connection, id, report, self._outbound, now):
            extra = {"action": "report_of_nothing", "invitation": id, "outcome": outcome}
            _log.warning("a report about an ask that is not known", extra=extra)


async def report_of(
    connection: db.Connection, id: str, report: outcomes.Report, outbound: Outbound, now: datetime
) -> bool:
    """Act on a report once; False when there is no such ask."""
    found = await sends.invitation(connection, id)
    if found is None:
        return False
    sending, state = found
    if await sends.add_report(connection, id, report.outcome, sending.channel, report.at):
        await outcomes.reported(connection, sending, state, report, outbound, now)
    return True


def _is_report(event: Event) -> bool:
    return isinstance(event.body, Signal) and event.body.signal.startswith(DELIVERY)
