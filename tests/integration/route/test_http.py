"""The list of alerts over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.route.http import Api
from shared import db, web
from shared.contracts.envelope import stable_id
from shared.settings import Tokens
from tests.integration.route.ground import completed, take
from tests.unit.route.catalogs import AT, catalog, response

READER = {"authorization": "Bearer reader"}
TOKENS: Tokens = {"reader": ("alerts:read",), "writer": ("cases:write",)}


@pytest.fixture
async def client(route_db: db.Database) -> AsyncIterator[httpx.AsyncClient]:
    """Talks to the routes as they are mounted."""
    app = Starlette(
        routes=Api(route_db, TOKENS).routes(), exception_handlers={HTTPException: web.on_http_error}
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://route.test") as client:
        yield client


async def test_alerts_are_listed_newest_first_and_narrowed(
    route_db: db.Database, client: httpx.AsyncClient
) -> None:
    for day, name in enumerate(("r1", "r2")):
        later = AT.replace(day=AT.day + day)
        await take(route_db, catalog(), completed(response(name, customer_id=name)), now=later)
    second = stable_id("case", "r2")

    listed = (await client.get("/v1/alerts", headers=READER)).json()["alerts"]
    of_second = (await client.get(f"/v1/alerts?case={second}", headers=READER)).json()["alerts"]
    delivered = (await client.get("/v1/alerts?state=delivered", headers=READER)).json()["alerts"]

    assert [alert["case_id"] for alert in listed] == [second, stable_id("case", "r1")]
    assert [alert["case_id"] for alert in of_second] == [second]
    assert delivered == []
    assert "customer_id" not in listed[0]


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        pytest.param({}, "", 401, id="no token"),
        pytest.param({"authorization": "Bearer nobody"}, "", 401, id="an unknown token"),
        pytest.param({"authorization": "Bearer writer"}, "", 403, id="another scope"),
        pytest.param(READER, "?state=lost", 400, id="an unknown state"),
        pytest.param(READER, "?limit=0", 400, id="below the limit"),
        pytest.param(READER, "?limit=501", 400, id="above the limit"),
        pytest.param(READER, "?limit=500", 200, id="at the limit"),
    ],
)
async def test_who_may_ask_for_what(
    client: httpx.AsyncClient, headers: dict[str, str], query: str, status: int
) -> None:
    assert (await client.get(f"/v1/alerts{query}", headers=headers)).status_code == status
