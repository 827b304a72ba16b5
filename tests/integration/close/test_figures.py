"""The figures: recovery, root causes against their past, and whether a fix worked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.close.http import Figures
from shared import db, web
from tests.integration.close.cases import take, told
from tests.integration.close.test_time import RULES, answer, resolve
from tests.support.clock import START, ManualClock
from tests.unit.close.cases import an_event

TOKENS = {"agent": ("cases:read", "cases:act")}
SHANGHAI = ZoneInfo("Asia/Shanghai")
AGENT = {"Authorization": "Bearer agent", "Idempotency-Key": "k"}


@pytest.fixture
async def http(close: db.Database, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    routes = Figures(close, clock, TOKENS, lambda: SHANGHAI).routes()
    app = Starlette(routes=routes, exception_handlers={HTTPException: web.on_http_error})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://close") as client:
        await take(close, told(an_event(policy=RULES)))
        yield client


async def test_recovery_is_counted_by_team_and_root_cause(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    await resolve(close)
    await take(close, answer("mid", "a1"), answer("high", "a2"))
    clock.advance(timedelta(hours=2))
    found = (await http.get("/v1/recovery", headers=AGENT)).json()["recovery"]
    assert [(each["team"], each["root_cause"], each["n"], each["share"]) for each in found] == [
        ("billing-care", "double charge", 2, 0.5)
    ]
    assert found[0]["too_few"]


async def test_causes_are_counted_against_their_past(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    await resolve(close)
    clock.advance(timedelta(minutes=1))
    [found] = (await http.get("/v1/root-causes?team=billing-care", headers=AGENT)).json()["causes"]
    assert (found["root_cause"], found["lately"], found["before"]) == ("double charge", 1, 0)
    assert (found["ratio"], found["hot"]) == (None, False)


async def test_a_fix_shows_the_scores_before_and_after(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    fixed_on = START.date()
    before, after = START - timedelta(days=5), START + timedelta(days=5)
    for n in range(40):
        bad = answer("low" if n < 20 else "high", f"b{n}", received_at=before, correlation=None)
        good = answer("low" if n < 2 else "high", f"g{n}", received_at=after, correlation=None)
        await take(close, bad, good)
    clock.advance(timedelta(days=10))
    body = {"actor": "lena", "on": str(fixed_on), "touchpoint": "after-fix"}
    for _ in range(2):
        said = await http.post("/v1/root-causes/late/fixed", json=body, headers=AGENT)
        assert said.status_code == 200, said.text
    [fix] = (await http.get("/v1/fixes?root_cause=late", headers=AGENT)).json()["fixes"]
    assert (fix["low_share_before"]["share"], fix["low_share_after"]["share"]) == (0.5, 0.05)
    assert fix["verdict"] == "better"
    assert fix["difference"]["high"] < 0


async def test_scores_count_for_four_weeks_around_the_day_as_it_begins_where_people_are(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=SHANGHAI)
    hour, span = timedelta(hours=1), timedelta(days=28)
    moments = {
        "too early": midnight - span - hour,
        "first": midnight - span,
        "the evening before": midnight - hour,
        "that day": midnight,
        "last": midnight + span - hour,
        "too late": midnight + span,
    }
    for name, at in moments.items():
        await take(close, answer("low", name, received_at=at, correlation=None))
    clock.advance(timedelta(days=60))
    body = {"actor": "lena", "on": "2026-03-02", "touchpoint": "after-fix"}
    await http.post("/v1/root-causes/late/fixed", json=body, headers=AGENT)
    [fix] = (await http.get("/v1/fixes", headers=AGENT)).json()["fixes"]
    assert (fix["low_share_before"]["n"], fix["low_share_after"]["n"]) == (2, 2)


async def test_a_cause_is_compared_with_the_eight_weeks_before_this_one(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    await resolve(close)

    async def counted(after: timedelta) -> tuple[int, int] | None:
        clock.advance(after)
        found = (await http.get("/v1/root-causes", headers=AGENT)).json()["causes"]
        return (found[0]["lately"], found[0]["before"]) if found else None

    minute = timedelta(minutes=1)
    assert await counted(timedelta(days=7) - minute) == (1, 0)
    assert await counted(2 * minute) == (0, 1)
    assert await counted(timedelta(days=56) - 2 * minute) == (0, 1)
    assert await counted(2 * minute) is None


async def test_today_has_begun_where_people_are(
    http: httpx.AsyncClient, clock: ManualClock
) -> None:
    clock.advance(timedelta(hours=5))  # 17:00 UTC is 01:00 of the next day
    body = {"actor": "lena", "on": "2026-03-03", "touchpoint": "after-fix"}
    said = await http.post("/v1/root-causes/late/fixed", json=body, headers=AGENT)
    assert said.status_code == 200, said.text


async def test_a_fix_of_tomorrow_is_refused(http: httpx.AsyncClient) -> None:
    body = {"actor": "lena", "on": str(date(2027, 1, 1)), "touchpoint": "after-fix"}
    said = await http.post("/v1/root-causes/late/fixed", json=body, headers=AGENT)
    assert said.status_code == 422
