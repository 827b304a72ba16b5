"""The HTTP interface: which alerts went where, and what came of them."""

from __future__ import annotations

from typing import get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.route import store
from services.route.model import Progress
from shared import db, web
from shared.settings import Tokens

STATES: tuple[str, ...] = get_args(Progress)
MOST = 500


class Api:
    """Answers for the deliveries table."""

    def __init__(self, database: db.Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """The paths it serves."""
        return [Route("/v1/alerts", self.alerts, methods=["GET"])]

    async def alerts(self, request: Request) -> Response:
        """List deliveries, newest first; `?case=`, `?state=` and `?limit=` narrow it."""
        web.require(request, self._tokens, "alerts:read")
        state = request.query_params.get("state")
        if state is not None and state not in STATES:
            raise HTTPException(400, f"state is one of {', '.join(STATES)}")
        async with self._database.connection() as connection:
            rows = await store.alerts(
                connection, request.query_params.get("case"), state, web.limit(request, MOST)
            )
        return JSONResponse({"alerts": [_plain(row) for row in rows]})


def _plain(row: db.Row) -> dict[str, object]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }
