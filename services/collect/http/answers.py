"""Answers by API: from an app, a kiosk, or a tool that would rather post than publish."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.collect import decide, record, store
from services.collect.limits import Limits
from services.collect.model import Feedback, ResponseId, Submission
from services.collect.model import Response as Answer
from services.collect.policy import Policy
from services.collect.settings import Settings
from services.collect.together import Together
from shared import db, web
from shared.clock import Clock
from shared.contracts import openapi
from shared.contracts.answering import KeptFeedback, KeptResponse, NewFeedback, NewResponse
from shared.contracts.base import Band
from shared.contracts.envelope import describe, stable_id
from shared.errors import Unavailable

B = TypeVar("B", bound=BaseModel)
K = TypeVar("K")
OTHER = "this Idempotency-Key was used for another message: take a new one"


class Api:
    """The bearer-token interface; a key is its holder's own, so that two never meet."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        settings: Settings,
        policy: Callable[[], Policy],
        limits: Limits,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tokens = settings.api_tokens
        self._policy = policy
        self._limits = limits
        self._document = openapi.document()
        self._answers = Together(self._keep)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(openapi.RESPONSES.path, self.respond, methods=["POST"]),
            Route(openapi.FEEDBACK.path, self.tell, methods=["POST"]),
            Route("/openapi.json", self.describe),
        ]

    async def describe(self, request: Request) -> Response:
        """Publish what can be sent here, and how."""
        return JSONResponse(self._document)

    async def respond(self, request: Request) -> Response:
        """Keep an answer; the same key again returns the same answer and changes nothing."""
        key = self._key(request, openapi.RESPONSES)
        body = _read(NewResponse, await web.body(request))
        given = Submission(
            response_id=ResponseId(stable_id("api", *key)),
            channel="api",
            origin="api",
            **{**body.model_dump(), "comment": (body.comment or "").strip() or None},
        )
        self._check(given)
        kept = await _durable(self._answers.ask(given))
        if not decide.same_answer(kept, given):
            raise HTTPException(422, OTHER)
        return _created(
            KeptResponse(response_id=kept.response_id, band=kept.band, anonymous=kept.anonymous)
        )

    async def tell(self, request: Request) -> Response:
        """Keep something said unasked; the same key again changes nothing."""
        key = self._key(request, openapi.FEEDBACK)
        body = _read(NewFeedback, await web.body(request))
        said = Feedback(
            feedback_id=stable_id("api-feedback", *key),
            received_at=self._clock.now(),
            origin="api",
            vouched=body.customer_id is not None,
            **{**body.model_dump(), "text": body.text.strip()},
        )
        band, anonymous = await _durable(self._note(said))
        return _created(KeptFeedback(feedback_id=said.feedback_id, band=band, anonymous=anonymous))

    def _key(self, request: Request, write: openapi.Write) -> tuple[str, str]:
        holder = web.require(request, self._tokens, write.scope)
        seconds = self._limits.wait(f"token {holder}", self._policy().limits.token)
        if seconds:
            again = {"Retry-After": str(ceil(seconds))}
            raise HTTPException(429, "this token writes too often: wait", headers=again)
        return holder, web.idempotency_key(request)

    def _check(self, given: Submission) -> None:
        try:
            decide.check(given.touchpoint, given.score, self._policy())
        except (LookupError, ValueError) as error:
            raise HTTPException(422, str(error.args[0])) from error

    async def _keep(self, given: Sequence[Submission]) -> list[Answer]:
        """Return each answer as it is kept, by this transaction or by one before."""
        async with self._database.transaction() as connection:
            new = await record.keep(connection, given, self._policy(), self._clock.now())
            before = {each.response_id for each in given} - new.keys()
            known = new | await store.responses(connection, before)
        return [known[each.response_id] for each in given]

    async def _note(self, said: Feedback) -> tuple[Band, bool]:
        async with self._database.transaction() as connection:
            await store.add_feedback(connection, await record.named(connection, said))
            known = await store.feedback(connection, said.feedback_id)
        if known is None or known.band is None or not decide.same_words(known, said):
            raise HTTPException(422, OTHER)
        return known.band, known.anonymous


def _read(kind: type[B], body: bytes) -> B:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, describe(error)) from error


def _created(body: BaseModel) -> JSONResponse:
    return JSONResponse(body.model_dump(), status_code=201)


async def _durable(work: Awaitable[K]) -> K:
    try:
        return await work
    except (Unavailable, *db.AWAY) as error:
        raise HTTPException(
            503, "nothing was kept: send the same again", headers={"Retry-After": "5"}
        ) from error
