"""Root causes on a page: figures with their intervals, and saying that one was put right."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.console.outbound import Away, Close, Refused
from tests.integration.console.conftest import Desk

FEW = {"n": 3, "share": 1.0, "low": 0.4, "high": 1.0, "too_few": True}
MANY = {"n": 200, "share": 0.25, "low": 0.19, "high": 0.31, "too_few": False}
HOT: dict[str, Any] = {
    "team": "parcels",
    "root_cause": "damaged",
    "lately": 12,
    "before": 8,
    "ratio": 12.0,
    "low": 4.5,
    "high": 34.1,
    "hot": True,
}
CALM = {**HOT, "root_cause": "other", "hot": False}
ONE = {
    **HOT,
    "root_cause": "one",
    "before": 0,
    "ratio": None,
    "low": 0.2,
    "high": None,
    "hot": False,
}
NEW = {**HOT, "root_cause": "new", "before": 0, "ratio": None, "high": None}
FIX = {
    "root_cause": "damaged",
    "touchpoint": "delivered",
    "fixed_on": "2026-02-20",
    "actor": "lena",
    "note": "stronger boxes",
    "low_share_before": MANY,
    "low_share_after": MANY,
    "difference": {"low": -0.21, "high": -0.04},
    "verdict": "better",
}
FIXED = {"cause": "damaged", "touchpoint": "delivered", "on": "2026-03-01", "note": "boxes"}


@pytest.fixture
async def agent(desk: Desk) -> Desk:
    desk.close.known = {
        "root-causes": {"causes": [HOT, CALM, NEW, ONE]},
        "fixes": {"fixes": [FIX]},
        "recovery": {
            "recovery": [
                {"team": "parcels", "root_cause": "damaged", **MANY},
                {"team": "parcels", "root_cause": None, **FEW},
            ]
        },
    }
    await desk.says_who("lena")
    return desk


async def test_figures_stand_with_their_intervals(agent: Desk) -> None:
    page = await agent.page("/causes")
    assert page.count("more than usual") == 2
    assert "12.0 × (4.5 to 34.1)" in page
    assert "new, at least 4.5 ×" in page
    assert "new, too few to tell" in page
    assert "25% (19% to 31%, n = 200)" in page
    assert "fewer low scores than before" in page
    assert "difference -21 to -4 points" in page
    assert "too few: 3" in page
    assert "Something was damaged" in page  # as its team calls it


async def test_without_any_the_page_says_what_is_missing(desk: Desk) -> None:
    desk.close.known = {"root-causes": {"causes": []}, "fixes": {}, "recovery": {}}
    page = await desk.page("/causes")
    assert "Nothing yet. When a cause is put right for good, say so" in page
    assert "cannot be read completely" not in page


async def test_figures_that_cannot_be_had_are_no_zeros(desk: Desk) -> None:
    assert "cannot be read completely" in await desk.page("/causes")


async def test_the_page_says_so_where_only_some_figures_can_be_had(agent: Desk) -> None:
    del agent.close.known["fixes"]
    page = await agent.page("/causes")
    assert "cannot be read completely" in page
    assert "12.0 × (4.5 to 34.1)" in page


async def test_marking_a_cause_as_fixed_goes_to_close(agent: Desk) -> None:
    response = await agent.submit("/causes", "/causes/fixed", **FIXED)
    assert (response.status_code, response.headers["location"]) == (303, "/causes")
    [(cause, name, body, key)] = agent.close.sent
    assert (cause, name, len(key)) == ("damaged", "fixed", 36)
    assert body == {"actor": "lena", "on": "2026-03-01", "touchpoint": "delivered", "note": "boxes"}


@pytest.mark.parametrize(
    ("typed", "outcome", "status", "said"),
    [
        pytest.param({"on": ""}, None, 422, "Fill in every field", id="no day"),
        pytest.param({"on": "soon"}, None, 422, "no day of the calendar", id="not a day"),
        pytest.param({}, Refused("has not come yet"), 422, "has not come yet", id="refused"),
        pytest.param({}, Away(), 503, "Nothing is lost", id="close is away"),
    ],
)
async def test_what_goes_wrong_is_said_and_what_was_typed_stays(
    agent: Desk, typed: dict[str, str], outcome: Refused | Away | None, status: int, said: str
) -> None:
    agent.close.marked = outcome
    response = await agent.submit("/causes", "/causes/fixed", **{**FIXED, **typed})
    assert response.status_code == status
    assert said in response.text
    assert 'value="damaged" selected' in response.text
    assert ">boxes</textarea>" in response.text


@pytest.mark.parametrize(
    ("status", "expected"),
    [(200, None), (422, Refused("why")), (500, Away())],
)
async def test_the_answer_of_close_is_understood(status: int, expected: object) -> None:
    async def reply(request: web.Request) -> web.Response:
        assert request.match_info["cause"] == "late/again?"
        assert request.headers["Idempotency-Key"] == "k"
        return web.json_response({"title": "no", "detail": "why"}, status=status)

    async def known(request: web.Request) -> web.Response:
        return web.json_response({"fixes": []}, status=status)

    app = web.Application()
    app.router.add_post("/v1/root-causes/{cause:.*}/fixed", reply)
    app.router.add_get("/v1/fixes", known)
    async with TestServer(app) as server:
        close = Close(str(server.make_url("/")), "secret")
        assert await close.fixed("late/again?", {}, "k") == expected
        assert await close.figures("fixes") == ({"fixes": []} if status == 200 else None)
