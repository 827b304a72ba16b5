"""Who was asked and said nothing: silence is an answer too."""

from __future__ import annotations

from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.collect import store
from services.collect.settings import Settings
from shared import db, web
from shared.clock import Clock
from shared.contracts import openapi
from shared.contracts.answering import LONGEST_SPAN, Silences


class SilenceApi:
    """What became of asks, by touchpoint."""

    def __init__(self, database: db.Database, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._tokens = settings.api_tokens

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(openapi.SILENCE_PATH, self.read)]

    async def read(self, request: Request) -> Response:
        """Count the asks of the last so many days, and what became of them by now."""
        web.require(request, self._tokens, openapi.SILENCE_SCOPE)
        days, now = _days(request.query_params.get("days", "30")), self._clock.now()
        since = (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        async with self._database.connection() as connection:
            found = await store.silences(connection, since, now)
        return JSONResponse(Silences(since=since, touchpoints=found).model_dump(mode="json"))


def _days(given: str) -> int:
    whole = given.isascii() and given.isdigit() and len(given) < 5
    if not whole or not 1 <= int(given) <= LONGEST_SPAN:
        raise HTTPException(400, f"days is a whole number from 1 to {LONGEST_SPAN}")
    return int(given)
