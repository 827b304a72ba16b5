"""A source that listen left unread is told on the inbox, and only while it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.console.outbound import Paused, Sources
from tests.integration.console.conftest import Desk
from tests.support.clock import START

REASON = "source shop, line 12: body.customer is absent"
SHOP = {
    "source": "shop",
    "topic": "shop.events",
    "webhook": False,
    "paused": True,
    "pauses": [
        {"topic": "shop.events", "since": START.isoformat(), "reason": REASON, "failed": 11},
    ],
}
BANK = {"source": "bank", "topic": "bank.events", "webhook": False, "paused": False, "pauses": []}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def asking(answer: Answer) -> AsyncIterator[tuple[Sources, aiohttp.ClientSession]]:
    app = web.Application()
    app.router.add_get("/v1/sources", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield Sources(str(server.make_url("/")), "token"), session


async def test_the_inbox_says_which_source_is_not_read_and_why(desk: Desk) -> None:
    assert "is not read" not in await desk.page("/")
    desk.paused.append(Paused("shop", START, REASON))
    page = await desk.page("/")
    assert "shop is not read since" in page
    assert REASON in page
    assert "shop is not read since" in await desk.page("/?fragment=rows"), "the live list says it"


async def test_only_sources_that_are_paused_are_told() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"sources": [SHOP, BANK]})

    async with asking(answer) as (sources, session):
        assert await sources.look(session) == (Paused("shop", START, REASON),)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(web.Response(status=401, text="{}"), id="a token without the scope"),
        pytest.param(web.Response(text="<html>"), id="no JSON"),
        pytest.param(web.json_response({"sources": [{"paused": True}]}), id="another form"),
        pytest.param(web.json_response([]), id="no object"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_none(answer: web.Response) -> None:
    async def say(request: web.Request) -> web.Response:
        return web.Response(status=answer.status, text=answer.text)

    async with asking(say) as (sources, session):
        assert await sources.look(session) == ()


async def test_nothing_is_told_while_listen_is_away() -> None:
    async with aiohttp.ClientSession() as session:
        assert await Sources("http://127.0.0.1:1", "token").look(session) == ()
