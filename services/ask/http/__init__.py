"""What others may ask `ask`: the decisions about a customer, and why."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.ask import store
from shared import db, web
from shared.settings import Tokens

MOST = 500


class Api:
    """The HTTP interface; every path needs a bearer token with the scope it names."""

    def __init__(self, database: db.Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Return the paths."""
        return [Route("/v1/decisions", self.decisions)]

    async def decisions(self, request: Request) -> Response:
        """Return the decisions about one customer, newest first, and what waits for its time."""
        web.require(request, self._tokens, "decisions:read")
        customer, signal = _name(request, "customer"), _name(request, "signal")
        if not customer:
            raise HTTPException(400, "the parameter customer is needed, as in ?customer=4711")
        limit = web.limit(request, MOST)
        try:
            async with self._database.connection() as connection:
                found = await store.decisions_of(connection, customer, signal, limit)
                waiting = await store.waiting_of(connection, customer, signal, limit)
        except db.AWAY as error:
            raise HTTPException(503, "the database is away, try again later") from error
        bodies = [each.model_dump(mode="json", exclude_none=True) for each in found]
        return JSONResponse({"decisions": bodies, "waiting": [each.plain() for each in waiting]})


def _name(request: Request, parameter: str) -> str | None:
    value = request.query_params.get(parameter)
    if value and "\x00" in value:
        raise HTTPException(400, f"{parameter} holds the character U+0000, which no name can hold")
    return value
