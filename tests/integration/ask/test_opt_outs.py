"""A wish to be left alone that a program keeps, and takes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.ask import contacts
from services.ask.http.once import Door
from services.ask.http.opt_outs import OptOutApi
from services.ask.people import OWN, hear
from shared import db, web
from shared.contracts.envelope import Event
from tests.support.clock import START, ManualClock
from tests.unit.ask.moments import a_catalog, an_event, an_opt_out

DELIVERED = {"customer_id": "kim", "touchpoint": "delivered", "opted_out": True}


@pytest.fixture
async def api(pool: db.Database, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    catalog = a_catalog()
    door = Door(pool, {"all": ("customers:write",), "none": ()}, clock)
    routes = OptOutApi(door, lambda: catalog).routes()
    app = Starlette(routes=routes, exception_handlers={HTTPException: web.on_http_error})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://ask"
    ) as client:
        yield client


async def wish(
    api: httpx.AsyncClient, key: str, token: str = "all", **changes: Any
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    return await api.post("/v1/opt-outs", json={**DELIVERED, **changes}, headers=headers)


async def said(pool: db.Database) -> list[str]:
    """What the others are told, in order."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select type from outbox order by position")
    return [row["type"].split(".")[2] for row in rows]


async def test_a_wish_about_a_touchpoint_is_kept_and_taken_back(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await wish(api, "1")
    both = await wish(api, "2", touchpoint=None)
    assert both.json() == {"customer_id": "kim", "opted_out_of": ["delivered", "everything"]}
    left = await wish(api, "3", opted_out=False)
    assert left.json()["opted_out_of"] == ["everything"]
    none = await wish(api, "4", touchpoint=None, opted_out=False)
    assert none.json()["opted_out_of"] == []
    assert await said(pool) == ["recorded", "recorded", "lifted", "lifted"]


async def test_what_is_not_there_is_not_said_to_be_lifted(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    assert (await wish(api, "1", opted_out=False)).status_code == 200
    assert await said(pool) == []


async def test_our_own_word_of_a_wish_does_not_bring_back_what_was_lifted(
    pool: db.Database,
) -> None:
    body = an_opt_out("kim", "delivered")
    own = Event("1", OWN, "touchback.opt-out.recorded.v1", "kim", START, body)
    for event, kept in ((own, frozenset[str]()), (an_event(body), frozenset({"delivered"}))):
        async with pool.transaction() as connection:
            await hear(connection, [event])
            found = await contacts.opt_outs(connection, ["kim"])
        assert found.get("kim", frozenset()) == kept


@pytest.mark.parametrize(
    ("changes", "status", "title"),
    [
        pytest.param({"touchpoint": "delivred"}, 422, 'mean "delivered"', id="no such touchpoint"),
        pytest.param({"customer_id": "k\x00"}, 422, "customer_id", id="a customer with U+0000"),
        pytest.param({"opted_out": None}, 422, "opted_out", id="says neither"),
        pytest.param({"token": "none"}, 403, "customers:write", id="no scope"),
    ],
)
async def test_a_wish_that_cannot_be_kept_is_refused_in_one_line(
    api: httpx.AsyncClient, changes: dict[str, Any], status: int, title: str
) -> None:
    refused = await wish(api, "1", **changes)
    assert (refused.status_code, title in refused.json()["title"]) == (status, True), refused.text
