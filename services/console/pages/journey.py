"""The journey: how far the moments of each touchpoint came, as a page and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.console import store
from services.console.funnel import STEPS
from services.console.pages.paper import Paper
from shared import db, web
from shared.clock import Clock
from shared.errors import Unavailable

DAYS = (7, 30)


class Journey:
    """`/journey` and `GET /v1/journey`; `days` is 7 or 30, today included."""

    def __init__(self, paper: Paper, database: db.Database, clock: Clock) -> None:
        self._paper = paper
        self._database = database
        self._clock = clock

    async def show(self, request: Request) -> Response:
        """Count by touchpoint, in the order in which customers meet them."""
        days = _days(request)
        found = await self._counted(days)
        if found is None:
            return self._paper.page(request, "away.html", status=503)
        known = [each.touchpoint for each in self._paper.catalog().touchpoints]
        order = [*known, *sorted(found.keys() - set(known))]
        rows = {each: found[each] for each in order if each in found}
        return self._paper.page(
            request, "journey.html", days=days, choices=DAYS, steps=STEPS, rows=rows
        )

    async def get(self, request: Request) -> Response:
        """Give the same counts; a touchpoint at which nothing happened is left out."""
        days = _days(request)
        found = await self._counted(days)
        if found is None:
            return web.problem(503, "the counts cannot be read at the moment; try again")
        rows = [{"touchpoint": each, **found[each]} for each in sorted(found)]
        return JSONResponse({"days": days, "touchpoints": rows})

    async def _counted(self, days: int) -> Mapping[str, Mapping[str, int]] | None:
        since = self._clock.now().date() - timedelta(days=days - 1)
        try:
            async with self._database.connection() as connection:
                return await store.funnel(connection, since)
        except (Unavailable, *db.AWAY):
            return None


def _days(request: Request) -> int:
    asked = request.query_params.get("days", "")
    return next((each for each in DAYS if asked == str(each)), DAYS[0])
