"""The journey: how far the moments of each touchpoint came; programs read `/v1/journey`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.console import store
from services.console.funnel import STEPS
from services.console.pages.paper import Paper
from shared.clock import Clock

DAYS = (7, 30)


class Journey:
    """`/journey`; `days` is 7 or 30, today included."""

    def __init__(self, paper: Paper, clock: Clock) -> None:
        self._paper = paper
        self._clock = clock

    async def show(self, request: Request) -> Response:
        """Count by touchpoint, in the order in which customers meet them."""
        days = _days(request)
        async with self._paper.reading() as connection:
            if connection is None:
                return self._paper.page(request, "away.html", status=503)
            found = await store.funnel(connection, store.first_day(self._clock.now(), days))
        known = [each.touchpoint for each in self._paper.catalog().touchpoints]
        order = [*known, *sorted(found.keys() - set(known))]
        rows = {each: found[each] for each in order if each in found}
        return self._paper.page(
            request, "journey.html", days=days, choices=DAYS, steps=STEPS, rows=rows
        )


def _days(request: Request) -> int:
    asked = request.query_params.get("days", "")
    return next((each for each in DAYS if asked == str(each)), DAYS[0])
