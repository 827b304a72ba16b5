"""What every HTTP surface has: problem details, bearer tokens, safe headers, probes, metrics."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from hmac import compare_digest

from prometheus_client import Histogram
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import logs
from shared.clock import monotonic
from shared.contracts.api import Problem
from shared.labels import OTHER
from shared.settings import Tokens

_log = logging.getLogger(__name__)
LOOKS = frozenset({"/metrics", "/health/live", "/health/serving", "/health/ready"})
"""Asked for every few seconds: nobody wants a span of that."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LARGEST_BODY = 16 * 1024

PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


def problem(status: int, title: str, detail: str | None = None) -> JSONResponse:
    """Return an error as RFC 9457 problem details."""
    body = Problem(title=title, status=status, detail=detail)
    return JSONResponse(
        body.model_dump(exclude_none=True),
        status_code=status,
        media_type="application/problem+json",
    )


async def on_http_error(request: Request, error: Exception) -> Response:
    """Exception handler: turns HTTPException into problem details."""
    if not isinstance(error, HTTPException):
        raise error
    response = problem(error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


async def on_away(request: Request, error: Exception) -> Response:
    """Exception handler: the database is away, and it is worth trying again."""
    response = problem(503, "the database is away", "nothing was changed; try again")
    response.headers["Retry-After"] = "5"
    return response


async def on_unkeepable(request: Request, error: Exception) -> Response:
    """Exception handler: a path or query that PostgreSQL can neither keep nor look for."""
    return problem(
        400, "the address holds the character U+0000", "nothing is called so: leave it out"
    )


async def on_fault(request: Request, error: Exception) -> Response:
    """Exception handler: a fault of ours, logged without what the request held."""
    extra = {"action": "request_failed", "method": request.method, "fault": type(error).__name__}
    _log.error("request failed", extra=extra, exc_info=error)
    return problem(500, "something went wrong on our side", "it was logged")


def require(request: Request, tokens: Tokens, scope: str) -> str:
    """Check the bearer token; raises HTTPException 401 without one, 403 without the scope.

    Returns a name for the holder that is safe to store: idempotency keys are theirs alone.
    """
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    scopes = [
        scopes for token, scopes in tokens.items() if compare_digest(token.encode(), given.encode())
    ]
    if kind.lower() != "bearer" or not scopes:
        raise HTTPException(401, "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
    if scope not in scopes[0]:
        raise HTTPException(403, f"this token lacks the scope {scope}")
    return sha256(given.encode()).hexdigest()[:16]


def idempotency_key(request: Request) -> str:
    """Return the Idempotency-Key header; raises HTTPException 400 when it is absent or too long."""
    key = request.headers.get("idempotency-key", "")
    if not 1 <= len(key) <= 200:
        raise HTTPException(
            400, "every write takes an Idempotency-Key header of 1 to 200 characters"
        )
    return key


def limit(request: Request, most: int, default: int = 100) -> int:
    """Return `?limit=`, from 1 to `most`; raises HTTPException 400 for anything else."""
    given = request.query_params.get("limit", str(default))
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:9]) <= most:
        raise HTTPException(400, f"limit is a whole number from 1 to {most}")
    return int(given)


async def body(request: Request, limit: int = LARGEST_BODY) -> bytes:
    """Read the body; raises HTTPException 413 as soon as it is longer than `limit` bytes."""
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > limit:
            raise HTTPException(413, f"the body is larger than {limit} bytes")
    return bytes(read)


def path_template(scope: Scope, routes: Sequence[Route | Mount]) -> str:
    """Return the route's template, `other` where none matches: metric labels must stay few."""
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            return route.path
    return OTHER


def _by_endpoint(routes: Sequence[Route | Mount]) -> dict[object, str]:
    """Return the templates of the endpoints that stand behind one route only."""
    whole = [route for route in routes if isinstance(route, Route)]
    often = Counter(route.endpoint for route in whole)
    return {route.endpoint: route.path for route in whole if often[route.endpoint] == 1}


class Timed:
    """Middleware that measures each request by its route's template, method and status."""

    def __init__(self, app: ASGIApp, histogram: Histogram, routes: Sequence[Route | Mount]) -> None:
        self._app = app
        self._histogram = histogram
        self._routes = routes
        self._templates = _by_endpoint(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = Headers(scope=scope).get("traceparent")
        look = scope["path"] in LOOKS
        with logs.within(parent) if look else logs.trace(parent, "request"):
            await self._measured(scope, receive, send)

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = monotonic(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            # The router leaves what it found in the scope: it need not be looked for twice.
            found = self._templates.get(scope.get("endpoint"))
            template = found or path_template(scope, self._routes)
            # Anybody may make up a method.
            method = scope["method"] if scope["method"] in METHODS else OTHER
            measured = self._histogram.labels(template, method, str(status))
            measured.observe(monotonic() - started, logs.example())


Missing = Callable[[], Awaitable[list[str]]]


def probes(missing: Missing, unserved: Missing, stalled: Callable[[], list[str]]) -> list[Route]:
    """Return /health/live, /health/serving and /health/ready.

    `missing` names the parts that are away (readiness), `unserved` those of them without which no
    request is answered: whoever sends people here must not stop because Kafka is away. `stalled`
    names loops without progress (liveness): neither being away makes a process look dead.
    """

    async def live(request: Request) -> Response:
        dead = stalled()
        return _health(dead, "stalled")

    async def serving(request: Request) -> Response:
        return _health(await unserved(), "missing")

    async def ready(request: Request) -> Response:
        return _health(await missing(), "missing")

    return [
        Route("/health/live", live),
        Route("/health/serving", serving),
        Route("/health/ready", ready),
    ]


def _health(wrong: list[str], what: str) -> JSONResponse:
    if not wrong:
        return JSONResponse({"status": "ok"})
    return JSONResponse({"status": "unavailable", what: wrong}, status_code=503)
