"""Figures about how cases were put right: recovery, root causes, and what a fix did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from math import isinf
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.close import store
from services.close.decide import figures
from services.close.http.acting import at_hand
from shared import db, intervals, web
from shared.clock import Clock
from shared.contracts.api import Fixed
from shared.contracts.envelope import describe
from shared.intervals import Estimate
from shared.settings import Tokens

LATELY = timedelta(days=7)
PAST = timedelta(days=56)
AROUND = timedelta(days=28)
"""How long before and after a fix scores are compared."""


class Figures:
    """`/v1/recovery`, `/v1/root-causes` and `/v1/fixes`."""

    def __init__(
        self, database: db.Database, clock: Clock, tokens: Tokens, zone: Callable[[], ZoneInfo]
    ) -> None:
        """`zone` says where the days begin on which people put causes right."""
        self._database = database
        self._clock = clock
        self._tokens = tokens
        self._zone = zone

    def routes(self) -> list[Route]:
        """Return what to serve."""
        return [
            Route("/v1/recovery", self.recovery),
            Route("/v1/root-causes", self.causes),
            Route("/v1/root-causes/{cause:path}/fixed", self.fixed, methods=["POST"]),
            Route("/v1/fixes", self.fixes),
        ]

    async def recovery(self, request: Request) -> Response:
        """How many customers agreed that it was put right, by team and root cause."""
        web.require(request, self._tokens, "cases:read")
        now, days = self._clock.now(), _days(request)
        async with at_hand(self._database) as connection:
            rows = await store.recovery_rates(connection, now - timedelta(days=days), now)
        found = [
            {
                "team": row["team"],
                "root_cause": row["root_cause"],
                **_share(intervals.share(row["agreed"], row["answered"])),
            }
            for row in rows
        ]
        return JSONResponse({"days": days, "recovery": found})

    async def causes(self, request: Request) -> Response:
        """How often each root cause was given this week, against the eight weeks before."""
        web.require(request, self._tokens, "cases:read")
        now, team = self._clock.now(), request.query_params.get("team")
        since = now - LATELY
        async with at_hand(self._database) as connection:
            rows = await store.causes_counted(connection, since - PAST, since, now, team)
        return JSONResponse(
            {
                "lately_days": LATELY.days,
                "before_days": PAST.days,
                "causes": [_cause(row) for row in rows],
            }
        )

    async def fixed(self, request: Request) -> Response:
        """A root cause was put right for good on a day; said twice it is the same."""
        web.require(request, self._tokens, "cases:act")
        web.idempotency_key(request)
        try:
            fix = Fixed.model_validate_json(await web.body(request))
        except ValidationError as error:
            raise HTTPException(422, describe(error)) from error
        now = self._clock.now()
        if fix.on > now.astimezone(self._zone()).date():
            return web.problem(422, "a fix lies in the past", f"{fix.on} has not come yet")
        cause = request.path_params["cause"]
        async with at_hand(self._database, write=True) as connection:
            await store.put_fix(connection, cause, fix, now)
        return JSONResponse({"root_cause": cause, **fix.model_dump(mode="json")})

    async def fixes(self, request: Request) -> Response:
        """What was put right, and the share of low scores before and after."""
        web.require(request, self._tokens, "cases:read")
        now = self._clock.now()
        async with at_hand(self._database) as connection:
            rows = await store.fixes(connection, request.query_params.get("root_cause"))
            found = [await _fix(connection, row, now, self._zone()) for row in rows[:100]]
        return JSONResponse({"around_days": AROUND.days, "fixes": found})


def _days(request: Request) -> int:
    given = request.query_params.get("days", "90")
    if not (given.isascii() and given.isdecimal()) or not 1 <= int(given[:6]) <= 1095:
        raise HTTPException(400, "days is a whole number from 1 to 1095")
    return int(given)


def _cause(row: db.Row) -> dict[str, Any]:
    found = figures.ratio(row["lately"], LATELY.days, row["before"], PAST.days)
    return {
        "team": row["team"],
        "root_cause": row["root_cause"],
        "lately": row["lately"],
        "before": row["before"],
        "ratio": found.value,
        "low": found.low,
        "high": None if isinf(found.high) else found.high,
        "hot": found.hot,
    }


async def _fix(
    connection: db.Connection, row: db.Row, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    day = datetime.combine(row["fixed_on"], time(), zone)
    touchpoint, until = row["touchpoint"], min(day + AROUND, now)
    before, low_before = await store.low_scores(connection, touchpoint, day - AROUND, day)
    after, low_after = await store.low_scores(connection, touchpoint, day, until)
    change = figures.change(low_before, before, low_after, after)
    return {
        "root_cause": row["root_cause"],
        "touchpoint": touchpoint,
        "fixed_on": row["fixed_on"].isoformat(),
        "actor": row["actor"],
        "note": row["note"],
        "low_share_before": _share(change.before),
        "low_share_after": _share(change.after),
        "difference": {"low": change.low, "high": change.high},
        "verdict": change.verdict,
    }


def _share(share: Estimate) -> dict[str, Any]:
    return {
        "n": share.n,
        "share": share.value,
        "low": share.low,
        "high": share.high,
        "too_few": share.too_few,
    }
