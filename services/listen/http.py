"""The door for sources without Kafka: `POST /in/{source}` takes signed webhooks.

A request is answered when its raw body is durable in the outbox; whether Kafka is there does not
matter. It goes to the topic of its source, where it is read like any other record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import assert_never
from urllib.parse import unquote
from uuid import uuid4

from prometheus_client import Counter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.listen.formats import MAX_BYTES
from services.listen.model import Reception
from services.listen.policy import Dialects
from services.listen.signatures import Doubtful, Genuine, check
from shared import db, inbox, outbox, web
from shared.catalog.sources import Source
from shared.catalog.webhooks import Webhook
from shared.clock import Clock
from shared.contracts.envelope import Header
from shared.outbox import Outgoing

LARGEST_HEADERS = 16 * 1024
_PRIVATE = frozenset(
    {
        # What opens doors, and what says who stands before them, is nobody's business further on.
        *("authorization", "cookie", "proxy-authorization", "forwarded", "x-real-ip", "via"),
        *("host", "content-length", "connection", "keep-alive", "transfer-encoding", "te"),
        *("upgrade", "trailer", "expect", "accept", "accept-encoding", "accept-language"),
    }
)
_ABOUT_THE_WAY = ("x-forwarded-", "cf-", "x-envoy-")


class Door:
    """Takes what sources post."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        current: Callable[[], Dialects],
        secrets: Mapping[str, str],
        counter: Counter,
    ) -> None:
        self._database = database
        self._clock = clock
        self._current = current
        self._secrets = secrets
        self._counter = counter

    def routes(self) -> list[Route]:
        """The path it serves."""
        return [Route("/in/{source}", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """Answer 202 once the event is durable, also to a sender that did not hear it before."""
        source = self._current().webhooks.get(request.path_params["source"])
        if source is None or source.webhook is None:
            raise HTTPException(404, "no source of this name posts its events")
        outcome, response = await self._judge(request, source, source.webhook)
        self._counter.labels(source.source, outcome).inc()
        return response

    async def _judge(
        self, request: Request, source: Source, webhook: Webhook
    ) -> tuple[Reception, Response]:
        secrets = [self._secrets[name] for name in webhook.secrets if name in self._secrets]
        if not secrets:
            detail = f"TOUCHBACK_SOURCE_SECRETS has no secret {webhook.secrets[0]}; try again later"
            return "no_secret", web.problem(503, "this source is not set up yet", detail)
        try:
            body = await web.body(request, MAX_BYTES)
        except HTTPException as error:
            return "too_large", web.problem(error.status_code, error.detail)
        headers = {name.lower(): value for name, value in reversed(request.headers.items())}
        verdict = check(webhook, secrets, headers, body, self._clock.now())
        match verdict:
            case Doubtful(reason=reason, detail=detail):
                return reason, _refusal(webhook, verdict)
            case Genuine():
                return await self._keep(
                    source, verdict, _kept(request.headers.items(), source), body
                )
            case _:
                assert_never(verdict)

    async def _keep(
        self, source: Source, genuine: Genuine, headers: list[Header], body: bytes
    ) -> tuple[Reception, Response]:
        """Write it down once; a copy of what is there already changes nothing."""
        if sum(len(name) + len(value or b"") for name, value in headers) > LARGEST_HEADERS:
            return "too_large", web.problem(431, f"more than {LARGEST_HEADERS} bytes of headers")
        now = self._clock.now()
        async with self._database.transaction() as connection:
            marks = list(_marks(source, genuine))
            new = await inbox.accept(connection, marks, now)
            if marks and marks[0] not in new and genuine.dated:
                return "replayed", web.problem(403, "this very request was taken before")
            if len(new) < len(marks):
                return "repeated", _taken()
            await outbox.add(connection, [_outgoing(source, headers, body)], now)
        return "accepted", _taken()


def _marks(source: Source, genuine: Genuine) -> Iterable[inbox.Identity]:
    """Name what a copy would have in common with this one; the inbox keeps it for two weeks."""
    if genuine.content is not None:
        yield (f"webhook:{source.source}", f"content:{genuine.content}")
    if genuine.delivery is not None:
        yield (f"webhook:{source.source}", f"delivery:{genuine.delivery[:200]}")


def _outgoing(source: Source, headers: list[Header], body: bytes) -> Outgoing:
    # One key for all of a source: its events stay in the order in which they came.
    key = source.source.encode()
    return Outgoing(str(uuid4()), source.topic, key, "webhook", body, headers)


def _kept(headers: Iterable[tuple[str, str]], source: Source) -> list[Header]:
    """Return the headers that mappings may use, as they would stand on a record."""
    kept = ((name, value) for name, value in headers if not _dropped(name))
    if source.format != "cloudevents":
        return [(name, value.encode()) for name, value in kept]
    return [_attribute(name, value) for name, value in kept]


def _attribute(name: str, value: str) -> Header:
    """Write a CloudEvents attribute as Kafka has it: `ce_id` for `ce-id`, and not quoted."""
    if not name.startswith("ce-"):
        return name, value.encode()
    return f"ce_{name[3:]}", unquote(value).encode()


def _dropped(name: str) -> bool:
    return name in _PRIVATE or name.startswith(_ABOUT_THE_WAY)


def _taken() -> Response:
    return JSONResponse({"status": "taken"}, status_code=202)


def _refusal(webhook: Webhook, doubt: Doubtful) -> Response:
    if doubt.reason == "stale":
        return web.problem(403, "this request is too old, or from the future", doubt.detail)
    response = web.problem(401, "nobody knows who sent this", doubt.detail)
    scheme = 'Basic realm="touchback"' if webhook.scheme == "basic" else "Signature"
    response.headers["WWW-Authenticate"] = scheme
    return response
