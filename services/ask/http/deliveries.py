"""What providers report about asks they took over: bounces and complaints."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.ask.http.once import Door, Said, parsed
from services.ask.outbound import Outbound
from services.ask.outcomes import Report
from services.ask.reports import report_of
from shared import db, web
from shared.contracts.api import Body
from shared.contracts.base import Moment
from shared.contracts.signals import DeliveryOutcome

WRITE = "deliveries:write"


class Delivery(Body):
    """What became of an ask after it was accepted.

    A `hard_bounce` ends the use of that address, a `complaint` is an opt-out, the others are only
    kept.
    """

    invitation_id: UUID
    outcome: DeliveryOutcome
    at: Moment


class DeliveryApi:
    """POST /v1/deliveries."""

    def __init__(self, door: Door, outbound: Outbound) -> None:
        self._door = door
        self._outbound = outbound

    def routes(self) -> list[Route]:
        """Return the paths."""
        return [Route("/v1/deliveries", self.report, methods=["POST"])]

    async def report(self, request: Request) -> Response:
        """Take a report; the same one twice changes nothing."""
        holder = web.require(request, self._door.tokens, WRITE)
        body = await web.body(request)
        said = parsed(Delivery, body)

        async def work(connection: db.Connection, now: datetime) -> Said:
            id, report = str(said.invitation_id), Report(said.outcome, said.at)
            if not await report_of(connection, id, report, self._outbound, now):
                raise HTTPException(404, "there is no such invitation")
            return 202, {"invitation_id": id, "outcome": said.outcome}

        return await self._door.write(request, holder, "delivery.report", body, work)
