"""The interface that people's tools use: reading cases and acting on them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, cast, get_args

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.close import record, store
from services.close.decide import transition
from services.close.model import OPEN, ActionName, Case, PersonAction, Refused
from services.close.policy import Policy
from shared import db, web
from shared.clock import Clock
from shared.contracts import api
from shared.contracts.cases import CaseState
from shared.contracts.envelope import describe
from shared.errors import Unavailable
from shared.settings import Tokens

READ, ACT = "cases:read", "cases:act"
MOST = 500
BODIES: Mapping[ActionName, type[PersonAction]] = {
    "acknowledge": api.Acknowledge,
    "contacted": api.Contacted,
    "waiting": api.Waiting,
    "resolve": api.Resolve,
    "reopen": api.Reopen,
    "reassign": api.Reassign,
    "note": api.Note,
}


class Api:
    """The routes of this service."""

    def __init__(
        self, database: db.Database, clock: Clock, tokens: Tokens, policy: Callable[[], Policy]
    ) -> None:
        self._database = database
        self._clock = clock
        self._tokens = tokens
        self._policy = policy

    def routes(self) -> list[Route]:
        """Return what to serve."""
        return [
            Route("/v1/cases", self.list),
            Route("/v1/cases/{case_id}", self.read),
            Route("/v1/cases/{case_id}/{action}", self.act, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """Cases, newest first; `state` is one state, or `open` for all that wait for somebody."""
        web.require(request, self._tokens, READ)
        query = request.query_params
        async with _at_hand(self._database) as connection:
            found = await store.listed(
                connection,
                query.get("team"),
                _states(query.get("state")),
                web.limit(request, MOST),
            )
        return JSONResponse({"cases": [_case(shown) for shown in found]})

    async def read(self, request: Request) -> Response:
        """One case and everything that happened to it."""
        web.require(request, self._tokens, READ)
        case_id = request.path_params["case_id"]
        async with _at_hand(self._database) as connection:
            shown = await store.read(connection, case_id)
            entries = await store.history(connection, case_id)
        if shown is None:
            return web.problem(404, "there is no such case")
        events = [{"type": e.type, **store.document(e.event)} for e in entries]
        return JSONResponse({**_case(shown), "events": events})

    async def act(self, request: Request) -> Response:
        """Do something to a case; the same Idempotency-Key gives the first result again."""
        web.require(request, self._tokens, ACT)
        name = request.path_params["action"]
        if name not in BODIES:
            return web.problem(404, "there is no such action", f"possible are {', '.join(BODIES)}")
        key, raw = web.idempotency_key(request), await web.body(request)
        action = _parsed(BODIES[name], raw)
        if isinstance(action, api.Reassign) and action.team not in {None, *self._policy().teams}:
            return web.problem(422, "there is no such team", f"the catalog has no {action.team}")
        async with _at_hand(self._database, write=True) as connection:
            return await self._once(connection, request.path_params["case_id"], action, name, key)

    async def _once(
        self, connection: db.Connection, case_id: str, action: PersonAction, name: str, key: str
    ) -> Response:
        case = (await store.lock(connection, [case_id])).get(case_id)
        if case is None:
            return web.problem(404, "there is no such case")
        fingerprint = sha256(action.model_dump_json().encode()).hexdigest()
        kept = await store.result_of(connection, case_id, name, key)
        if kept is None:
            return await self._decided(connection, case, action, name, key, fingerprint)
        if kept.fingerprint != fingerprint:
            return web.problem(422, "this Idempotency-Key was used for something else")
        return JSONResponse(kept.result)

    async def _decided(
        self,
        connection: db.Connection,
        case: Case,
        action: PersonAction,
        name: str,
        key: str,
        fingerprint: str,
    ) -> Response:
        now = self._clock.now()
        decision = transition(case, action, now)
        if isinstance(decision, Refused):
            return _refusal(case, decision)
        await record.changed(connection, [decision], self._policy(), now)
        result = {"case": store.document(decision.case.event)}
        kept = store.Kept(fingerprint, result)
        await store.keep_result(connection, case.id, name, key, kept, now)
        return JSONResponse(result)


@asynccontextmanager
async def _at_hand(database: db.Database, *, write: bool = False) -> AsyncIterator[db.Connection]:
    """Lend a connection; a database that is away is a 503, and nothing was changed."""
    try:
        async with database.transaction() if write else database.connection() as connection:
            yield connection
    except (Unavailable, *db.AWAY) as error:
        raise HTTPException(503, "the database is away, nothing was changed; try again") from error


def _states(text: str | None) -> tuple[CaseState, ...] | None:
    if text is None:
        return None
    if text == "open":
        return OPEN
    if text not in get_args(CaseState):
        raise HTTPException(400, f"state is `open` or one of {', '.join(get_args(CaseState))}")
    return (cast(CaseState, text),)


def _parsed(body: type[PersonAction], raw: bytes) -> PersonAction:
    try:
        return body.model_validate_json(raw)
    except ValidationError as error:
        raise HTTPException(422, describe(error)) from error


def _case(shown: store.Shown) -> dict[str, Any]:
    delivered = shown.first_alert_delivered_at
    return {
        "case": store.document(shown.event),
        "first_alert_delivered_at": delivered and delivered.isoformat(),
    }


def _refusal(case: Case, refused: Refused) -> Response:
    event = case.event
    has_it = f"{event.assignee} has it" if event.assignee else "nobody has taken it"
    possible = ", ".join(refused.possible)
    titles = {
        "outdated_version": "the case has changed since you saw it",
        "not_possible": f"this is not possible while the case is {event.state}",
    }
    detail = f"{has_it}; it is {event.state}, version {event.version}; possible now: {possible}"
    content = {
        "type": "about:blank",
        "title": titles[refused.reason],
        "status": 409,
        "detail": detail,
        "reason": refused.reason,
        "state": event.state,
        "version": event.version,
        "assignee": event.assignee,
        "possible": list(refused.possible),
    }
    return JSONResponse(content, status_code=409, media_type="application/problem+json")
