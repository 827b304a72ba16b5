"""What programs read of the same facts, and the files that pages need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from services.console import decide, store
from shared import db
from shared.catalog import Catalog
from shared.clock import Clock
from shared.contracts.base import Message
from shared.errors import Unavailable

STATIC = Path(__file__).parent / "static"
HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
LONGEST, MOST_PERIODS = 1095, 24


class Figures:
    """`/v1/summary`, `/v1/scores` and `/v1/journey`."""

    def __init__(self, database: db.Database, clock: Clock, catalog: Callable[[], Catalog]) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog

    def routes(self) -> list[Route]:
        """Return what to serve."""
        return [
            Route("/v1/summary", self.summary),
            Route("/v1/scores", self.scores),
            Route("/v1/journey", self.journey),
        ]

    async def summary(self, request: Request) -> Response:
        """How much waits and how it goes, in all and for each team."""
        now, span = self._clock.now(), _days(request)
        async with self._reading() as connection:
            waiting = await store.summary(connection, now)
            clocks = await store.clocks(connection, now - span, now)
            causes = await store.causes(connection, now - span, now)
        return _said(decide.summary(waiting, clocks, causes, now, span))

    async def scores(self, request: Request) -> Response:
        """What was answered at each touchpoint, period by period."""
        now, span = self._clock.now(), _days(request)
        periods = _whole(request, "periods", 2, MOST_PERIODS)
        async with self._reading() as connection:
            counts = await store.scores(connection, now, span, periods)
        wanted = request.query_params.get("touchpoint")
        counts = [each for each in counts if wanted in (None, each.touchpoint)]
        return _said(decide.scores(counts, now, span, periods))

    async def journey(self, request: Request) -> Response:
        """Every stage with its touchpoints: scores, answers of asked, effort, open cases."""
        now, span = self._clock.now(), _days(request)
        async with self._reading() as connection:
            counts = await store.scores(connection, now, span, 2)
            asks = await store.asks(connection, now - span, now)
            cases = await store.waiting(connection, now)
            steps = await store.funnel(connection, store.first_day(now, span.days))
        places = [(each.stage, each.touchpoint) for each in self._catalog().touchpoints]
        return _said(decide.journey(places, counts, asks, cases, steps, now, span))

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[db.Connection]:
        try:
            async with self._database.connection() as connection:
                yield connection
        except (Unavailable, *db.AWAY) as error:
            raise HTTPException(503, "the figures cannot be read now; try again") from error


def _days(request: Request) -> timedelta:
    return timedelta(days=_whole(request, "days", 30, LONGEST))


def _whole(request: Request, name: str, default: int, most: int) -> int:
    given = request.query_params.get(name, str(default))
    if not (given.isascii() and given.isdecimal()) or not 1 <= int(given[:6]) <= most:
        raise HTTPException(400, f"{name} is a whole number from 1 to {most}")
    return int(given)


def _said(figures: Message) -> Response:
    return Response(figures.model_dump_json(), media_type="application/json")


async def stylesheet(request: Request) -> Response:
    """Serve the one stylesheet."""
    return FileResponse(STATIC / "console.css", media_type="text/css", headers=HEADERS)


async def script(request: Request) -> Response:
    """Serve the one script."""
    return FileResponse(STATIC / "live.js", media_type="text/javascript", headers=HEADERS)
