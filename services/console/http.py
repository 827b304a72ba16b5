"""What programs read of the same facts, and the files that pages need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from services.console import store
from services.console.model import TeamNow
from shared import db, web
from shared.clock import Clock
from shared.errors import Unavailable

STATIC = Path(__file__).parent / "static"
HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class Summary:
    """`GET /v1/summary`: how much waits, in all and for each team."""

    def __init__(self, database: db.Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, request: Request) -> Response:
        now = self._clock.now()
        try:
            async with self._database.connection() as connection:
                teams = await store.summary(connection, now)
        except (Unavailable, *db.AWAY):
            return web.problem(503, "the cases cannot be read at the moment; try again")
        return JSONResponse({"at": now.isoformat(), **_totals(teams)})


def _totals(teams: Sequence[TeamNow]) -> dict[str, object]:
    return {
        "open": sum(team.open for team in teams),
        "overdue": sum(team.overdue for team in teams),
        "teams": [
            {"team": team.team, "open": team.open, "overdue": team.overdue} for team in teams
        ],
    }


async def stylesheet(request: Request) -> Response:
    """Serve the one stylesheet."""
    return FileResponse(STATIC / "console.css", media_type="text/css", headers=HEADERS)


async def script(request: Request) -> Response:
    """Serve the one script."""
    return FileResponse(STATIC / "live.js", media_type="text/javascript", headers=HEADERS)
