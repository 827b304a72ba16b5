"""The HTTP interface: which alerts went where, silences, replay, and tests of channels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from hashlib import sha256
from typing import Any, get_args

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.route import decide, record, store
from services.route.model import Progress, Silence
from shared import db, timers, web
from shared.catalog import Catalog, Channel, Team
from shared.clock import Clock
from shared.contracts.api import Silencing
from shared.contracts.envelope import describe, stable_id
from shared.errors import Unavailable
from shared.settings import Tokens
from shared.wake import Wake, notify, wait

STATES: tuple[str, ...] = get_args(Progress)
MOST = 500
READ, ACT = "alerts:read", "alerts:act"
SILENCE_OVER = "silence_over"
TEST_PATIENCE = timedelta(seconds=15)
_LOOK = 0.1

Answer = tuple[int, Mapping[str, Any]]
"""Status and body: what is kept under an Idempotency-Key."""

Work = Callable[[db.Connection], Awaitable[Answer]]


class Api:
    """Answers for the deliveries table, and acts on it."""

    def __init__(
        self,
        database: db.Database,
        tokens: Tokens,
        clock: Clock,
        catalog: Callable[[], Catalog],
        console_url: str,
        wake: Wake,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._catalog = catalog
        self._console_url = console_url
        self._settled = wake.event("deliveries")

    def routes(self) -> list[Route]:
        """The paths it serves."""
        return [
            Route("/v1/alerts", self.alerts, methods=["GET"]),
            Route("/v1/alerts/{alert_id}/replay", self.replay, methods=["POST"]),
            Route("/v1/silences", self.silences, methods=["GET"]),
            Route("/v1/silences", self.silence, methods=["POST"]),
            Route("/v1/silences/{silence_id}", self.unsilence, methods=["DELETE"]),
            Route("/v1/channels", self.channels, methods=["GET"]),
            Route("/v1/channels/{channel}/test", self.test, methods=["POST"]),
        ]

    async def alerts(self, request: Request) -> Response:
        """List deliveries, newest first; `?case=`, `?state=` and `?limit=` narrow it."""
        web.require(request, self._tokens, READ)
        state = request.query_params.get("state")
        if state is not None and state not in STATES:
            raise HTTPException(400, f"state is one of {', '.join(STATES)}")
        async with self._database.connection() as connection:
            rows = await store.alerts(
                connection, request.query_params.get("case"), state, _limit(request)
            )
        return JSONResponse({"alerts": [_plain(dict(row)) for row in rows]})

    async def replay(self, request: Request) -> Response:
        """Deliver an alert once more, with its id; its schedule begins anew."""
        alert_id = request.path_params["alert_id"]

        async def work(connection: db.Connection) -> Answer:
            known = await store.state_of(connection, alert_id)
            if known is None:
                raise HTTPException(404, "there is no such alert")
            if not await store.replay(connection, alert_id, self._clock.now()):
                raise HTTPException(409, f"the alert is {known['state']}: it is on its way anyhow")
            await notify(connection, "deliveries")
            return 202, {"alert_id": alert_id, "state": "due"}

        return await self._once(request, f"replay/{alert_id}", b"", work)

    async def silences(self, request: Request) -> Response:
        """List the silences that have not ended."""
        web.require(request, self._tokens, READ)
        async with self._database.connection() as connection:
            found = await store.silences(connection, self._clock.now())
        return JSONResponse({"silences": [_plain(asdict(each)) for each in found]})

    async def silence(self, request: Request) -> Response:
        """Hold back alerts until a moment: they are delivered then, unless the case was taken."""
        key, raw = self._key(request), await web.body(request)
        asked = _parsed(raw)

        async def work(connection: db.Connection) -> Answer:
            now = self._clock.now()
            if asked.ends_at <= now:
                raise HTTPException(422, "ends_at is over: a silence ends in the future")
            silence = Silence(
                # Keys are forgotten while silences stand: the same one may make another silence.
                stable_id("silence", key, now.isoformat()),
                asked.team,
                asked.touchpoint,
                asked.channel,
                asked.author,
                asked.comment,
                asked.starts_at or now,
                asked.ends_at,
            )
            await store.add_silence(connection, silence, now)
            over = timers.Timer(SILENCE_OVER, silence.silence_id, silence.ends_at)
            await timers.schedule(connection, [over])
            return 201, _plain(asdict(silence))

        return await self._once(request, "silence", raw, work)

    async def unsilence(self, request: Request) -> Response:
        """End a silence now; what it held back is delivered."""
        silence_id = request.path_params["silence_id"]

        async def work(connection: db.Connection) -> Answer:
            now = self._clock.now()
            if not await store.end_silence(connection, silence_id, now):
                raise HTTPException(404, "there is no such silence, or it has ended")
            await store.release(connection, [silence_id], now)
            await notify(connection, "deliveries")
            return 200, {"silence_id": silence_id, "ends_at": now.isoformat()}

        return await self._once(request, f"unsilence/{silence_id}", b"", work)

    async def channels(self, request: Request) -> Response:
        """List the channels of all teams: which work, which refuse us, why and since when."""
        web.require(request, self._tokens, READ)
        async with self._database.connection() as connection:
            found = decide.standings(self._catalog(), await store.refusals(connection))
        return JSONResponse({"channels": [_plain(asdict(each)) for each in found]})

    async def test(self, request: Request) -> Response:
        """Send a test over a channel, the way of any alert, and say what came of it."""
        key = self._key(request)
        name = request.path_params["channel"]
        found = _channel(self._catalog(), name)
        if found is None:
            return web.problem(404, "there is no such channel", f"the catalog has no {name}")
        trial = decide.trial(*found, self._console_url, self._clock.now(), key)
        async with _at_hand(self._database) as connection:
            await record.owe(connection, [trial], self._clock.now())
        return await self._outcome(trial.alert_id)

    async def _outcome(self, alert_id: str) -> Response:
        """Wait for the first attempt to be over."""
        until = self._clock.now() + TEST_PATIENCE
        while True:
            async with self._database.connection() as connection:
                row = await store.state_of(connection, alert_id)
            over = row is not None and (row["state"] != "due" or row["failure"] is not None)
            if over or self._clock.now() >= until:
                break
            await wait(self._settled, _LOOK)
        told = {"alert_id": alert_id, **(dict(row) if row else {})}
        delivered = told.get("state") == "delivered"
        return JSONResponse({**told, "accepted": delivered}, 200 if over else 202)

    async def _once(self, request: Request, action: str, raw: bytes, work: Work) -> Response:
        """Do it once per Idempotency-Key; the same request gets the first result again.

        Of two at the same moment the second waits for the first. What the work refuses by raising
        does not use the key up.
        """
        key, fingerprint = self._key(request), sha256(raw).hexdigest()
        async with _at_hand(self._database) as connection:
            kept = await store.claim_key(connection, action, key, fingerprint, self._clock.now())
            if not kept.result:
                status, body = await work(connection)
                result = {"status": status, "body": dict(body)}
                await store.keep_result(connection, action, key, result)
                return JSONResponse(dict(body), status)
        if kept.fingerprint != fingerprint:
            return web.problem(422, "this Idempotency-Key was used for something else")
        return JSONResponse(kept.result["body"], kept.result["status"])

    def _key(self, request: Request) -> str:
        """Return the key of a request that may act; keys belong to the holder of the token."""
        holder = web.require(request, self._tokens, ACT)
        return f"{holder}/{web.idempotency_key(request)}"


@asynccontextmanager
async def _at_hand(database: db.Database) -> AsyncIterator[db.Connection]:
    """Lend a transaction; a database that is away is a 503, and nothing was changed."""
    try:
        async with database.transaction() as connection:
            yield connection
    except (Unavailable, *db.AWAY) as error:
        raise HTTPException(503, "the database is away, nothing was changed; try again") from error


def _channel(catalog: Catalog, name: str) -> tuple[Team, Channel] | None:
    for team in catalog.teams:
        for channel in team.channels:
            if channel.channel == name:
                return team, channel
    return None


def _parsed(raw: bytes) -> Silencing:
    try:
        return Silencing.model_validate_json(raw)
    except ValidationError as error:
        raise HTTPException(422, describe(error)) from error


def _limit(request: Request) -> int:
    given = request.query_params.get("limit", "100")
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:6]) <= MOST:
        raise HTTPException(400, f"limit is a whole number from 1 to {MOST}")
    return int(given)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
    }
