"""Answers by API: from an app, a kiosk, or a tool that would rather post than publish."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from pydantic import Field, JsonValue, ValidationError, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.collect import decide, store
from services.collect.model import Change, ResponseId, Submission
from services.collect.policy import LONGEST_COMMENT, Policy
from services.collect.settings import Settings
from shared import db, web
from shared.clock import Clock
from shared.contracts.api import Body
from shared.contracts.base import CustomerId, Name
from shared.contracts.envelope import describe, stable_id
from shared.errors import Unavailable

SCOPE = "responses:write"


class NewResponse(Body):
    """An answer; `score` is on the scale of the touchpoint's survey."""

    touchpoint: Name
    customer_id: CustomerId
    score: int = Field(strict=True)
    comment: str | None = Field(default=None, max_length=LONGEST_COMMENT)
    language: str | None = Field(default=None, max_length=35)
    correlation: str | None = Field(default=None, max_length=256)
    attributes: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_kept(self) -> NewResponse:
        if not all(_keepable(value) for value in self.__dict__.values()):
            raise ValueError(
                "no text may hold the character U+0000, and every number must be finite"
            )
        return self


def _keepable(value: object) -> bool:
    """Whether PostgreSQL can keep it."""
    match value:
        case str():
            return "\x00" not in value
        case float():
            return isfinite(value)
        case dict():
            return all(_keepable(key) and _keepable(each) for key, each in value.items())
        case list():
            return all(_keepable(each) for each in value)
    return True


class Api:
    """The bearer-token interface."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        settings: Settings,
        policy: Callable[[], Policy],
    ) -> None:
        self._database = database
        self._clock = clock
        self._tokens = settings.api_tokens
        self._policy = policy

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/v1/responses", self.create, methods=["POST"])]

    async def create(self, request: Request) -> Response:
        """Keep an answer; the same key again returns the same answer and changes nothing."""
        web.require(request, self._tokens, SCOPE)
        key = web.idempotency_key(request)
        wanted = self._wanted(key, _read(await web.body(request)))
        try:
            await self._keep(wanted)
        except (Unavailable, *db.AWAY) as error:
            raise HTTPException(
                503, "the answer was not kept: try again", headers={"Retry-After": "5"}
            ) from error
        said = {"response_id": wanted.response.response_id, "band": wanted.response.band}
        return JSONResponse(said, status_code=201)

    def _wanted(self, key: str, body: NewResponse) -> Change:
        submission = Submission(
            response_id=ResponseId(stable_id("api", key)),
            channel="api",
            origin="api",
            **_fields(body),
        )
        try:
            return decide.given_elsewhere(submission, self._policy(), self._clock.now())
        except (LookupError, ValueError) as error:
            raise HTTPException(422, str(error.args[0])) from error

    async def _keep(self, wanted: Change) -> None:
        async with self._database.transaction() as connection:
            if await store.add(connection, [wanted], wanted.response.received_at):
                return
            known = await store.response(connection, wanted.response.response_id)
        if known is None or not decide.same_answer(known, wanted.response):
            raise HTTPException(422, "this Idempotency-Key was used for another answer")


def _read(body: bytes) -> NewResponse:
    try:
        return NewResponse.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, describe(error)) from error


def _fields(body: NewResponse) -> dict[str, Any]:
    comment = (body.comment or "").strip()
    return {**body.model_dump(), "comment": comment or None}
