"""`/v1/sources`: which sources there are and which of them are paused, for people and the console.

The console asks here and no topic tells it: a pause is the state of a few rows that `listen` owns,
it is worth nothing once it is over, and a message about it would outlive it on a topic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.listen.model import Pause
from services.listen.pausing import Pauses
from services.listen.policy import Dialects
from shared import web
from shared.catalog.fields import duration
from shared.catalog.sources import Source
from shared.clock import Clock
from shared.settings import Tokens

_SPAN = re.compile(r"\d{1,4}[smh]")


class SourcesApi:
    """Answers about sources, and has a paused one looked at again."""

    def __init__(
        self, current: Callable[[], Dialects], pauses: Pauses, tokens: Tokens, clock: Clock
    ) -> None:
        self._current = current
        self._pauses = pauses
        self._tokens = tokens
        self._clock = clock

    def routes(self) -> list[Route]:
        """The paths it serves."""
        return [
            Route("/v1/sources", self.sources, methods=["GET"]),
            Route("/v1/sources/{source}/resume", self.resume, methods=["POST"]),
        ]

    async def sources(self, request: Request) -> Response:
        """List the sources of the catalog, each with its pause, if it has one."""
        web.require(request, self._tokens, "sources:read")
        return JSONResponse({"sources": [self._plain(each) for each in self._every()]})

    async def resume(self, request: Request) -> Response:
        """Look at a paused source now; `?accept_failures=15m` reads on whatever is refused."""
        web.require(request, self._tokens, "sources:act")
        web.idempotency_key(request)
        span = request.query_params.get("accept_failures")
        if span is not None and not _SPAN.fullmatch(span):
            raise HTTPException(400, "accept_failures is a duration such as 30s, 15m or 2h")
        name = request.path_params["source"]
        found = next((each for each in self._every() if each.source == name), None)
        if found is None:
            raise HTTPException(404, "the catalog has no source of this name")
        topics = [each.topic for each in self._pauses.of_source(name)]
        await self._pauses.try_now(topics, duration(span) if span else None)
        return JSONResponse(self._plain(found), status_code=202)

    def _every(self) -> list[Source]:
        return [each for group in self._current().by_topic.values() for each in group]

    def _plain(self, source: Source) -> dict[str, Any]:
        return told(source, self._pauses, self._clock.now())


def told(source: Source, pauses: Pauses, now: datetime) -> dict[str, Any]:
    """Return a source and its pauses for a program; a pattern of topics may have several."""
    found = pauses.of_source(source.source)
    return {
        "source": source.source,
        "topic": source.topic,
        "webhook": source.webhook is not None,
        "paused": any(not each.open(now) for each in found),
        "pauses": [_told(each) for each in found],
    }


def _told(pause: Pause) -> dict[str, Any]:
    return {
        "topic": pause.topic,
        "since": pause.since.isoformat(),
        "reason": pause.reason,
        "failed": pause.failed,
        "seen": pause.seen,
        "tries": pause.tries,
        "next_try": pause.next_try.isoformat(),
        "open_until": pause.open_until and pause.open_until.isoformat(),
    }
