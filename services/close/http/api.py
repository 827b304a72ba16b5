"""The interface that people's tools use: reading cases and acting on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never, cast, get_args

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.close import decide, store
from services.close.http.acting import (
    Acting,
    Done,
    Missing,
    Outcome,
    Rejected,
    Unfit,
    at_hand,
)
from services.close.model import BODIES, OPEN, Case, PersonAction, Refused
from services.close.policy import Policy
from shared import db, web
from shared.clock import Clock
from shared.contracts.cases import CaseEvent, CaseState
from shared.contracts.envelope import describe
from shared.settings import Tokens

READ, ACT = "cases:read", "cases:act"
MOST = 500


class Api:
    """The routes of this service."""

    def __init__(
        self, database: db.Database, clock: Clock, tokens: Tokens, policy: Callable[[], Policy]
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._acting = Acting(database, clock, policy)

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
        async with at_hand(self._database) as connection:
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
        async with at_hand(self._database) as connection:
            shown = await store.read(connection, case_id)
            entries = await store.history(connection, case_id)
        if shown is None:
            return web.problem(404, "there is no such case")
        events = [{"type": e.type, **store.document(e.event)} for e in entries]
        return JSONResponse(
            {**_case(shown), "arithmetic": _arithmetic(shown.event), "events": events}
        )

    async def act(self, request: Request) -> Response:
        """Do something to a case; the same Idempotency-Key gives the first result again."""
        holder = web.require(request, self._tokens, ACT)
        name = request.path_params["action"]
        if name not in BODIES:
            return web.problem(404, "there is no such action", f"possible are {', '.join(BODIES)}")
        key, raw = web.idempotency_key(request), await web.body(request)
        action = _parsed(BODIES[name], raw)
        case_id = request.path_params["case_id"]
        return answer(await self._acting.act(case_id, action, f"{holder}/{key}"))


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


def _arithmetic(event: CaseEvent) -> list[dict[str, Any]]:
    """Show how each deadline comes about, stretch by stretch."""
    return [
        {
            "clock": deadline.clock,
            "measure": deadline.measure,
            "target_seconds": deadline.target_seconds,
            "used_seconds": deadline.used_seconds,
            "due_at": deadline.due_at.isoformat(),
            "spans": [
                {
                    "start": span.start.isoformat(),
                    "end": span.end.isoformat(),
                    "total_seconds": span.total.total_seconds(),
                }
                for span in decide.arithmetic(deadline, event)
            ],
        }
        for deadline in event.deadlines
        if deadline.paused_at is None
    ]


def answer(outcome: Outcome) -> Response:
    """Say over HTTP what came of an action."""
    match outcome:
        case Done(result=result):
            return JSONResponse(result)
        case Missing():
            return web.problem(404, "there is no such case")
        case Unfit(title=title, detail=detail):
            return web.problem(422, title, detail)
        case Rejected(case=case, refused=refused):
            return _refusal(case, refused)
        case _:
            assert_never(outcome)


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
