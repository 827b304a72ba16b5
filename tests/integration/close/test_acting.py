"""Acting on cases over HTTP: who may, what is refused, what is done once, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.close import record, store, sweep
from services.close.http import Acting, Api
from services.close.http.acting import Done, Unfit
from services.close.model import replayed
from shared import db, timers, web
from shared.catalog import RootCause
from shared.contracts import api
from shared.pulse import Pulse
from shared.wake import Wake
from tests.integration.close.cases import HIGH, POLICY, counted, published, take, told
from tests.support.clock import ManualClock
from tests.unit.close.cases import an_event

AGENT = {"Authorization": "Bearer agent"}
CONTACT = {"how": "phone", "outcome": "reached"}
FIX = {"root_cause": "double charge", "action": "refund", "outcome": "happy"}


@pytest.fixture
async def http(close: db.Database, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    may = ("cases:read", "cases:act")
    tokens = {"agent": may, "another": may, "reader": ("cases:read",)}
    app = Starlette(
        routes=Api(close, clock, tokens, lambda: POLICY).routes(),
        exception_handlers={
            HTTPException: web.on_http_error,
            **dict.fromkeys(db.UNKEEPABLE, web.on_unkeepable),
        },
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://close") as client:
        await take(close, told(an_event()))
        yield client


async def act(
    http: httpx.AsyncClient, name: str, version: int, key: str | None = None, **fields: Any
) -> httpx.Response:
    """Act on case c1."""
    body = {"actor": "lena", "version": version, **fields}
    headers = {**AGENT, "Idempotency-Key": key or str(uuid4())}
    return await http.post(f"/v1/cases/c1/{name}", json=body, headers=headers)


async def resolved(http: httpx.AsyncClient) -> None:
    """Bring case c1 to its good end, at version 4."""
    for version, (name, fields) in enumerate(
        [("acknowledge", {}), ("contacted", CONTACT), ("resolve", FIX)], start=1
    ):
        response = await act(http, name, version, **fields)
        assert response.status_code == 200, response.text


async def test_a_case_is_brought_to_its_good_end_and_every_step_is_told(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    await resolved(http)
    told = await published(close)
    assert [type.split(".")[2] for type, _ in told] == ["acknowledged", "contacted", "resolved"]
    assert [event.version for _, event in told] == [2, 3, 4]
    assert told[-1][1].root_cause == "double charge"


async def test_the_stored_history_replays_to_the_stored_case(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    await resolved(http)
    await act(http, "reopen", 4, reason="charged again")
    async with close.connection() as connection:
        entries = await store.history(connection, "c1")
        cases = await store.lock(connection, ["c1"])
    case = None
    for entry in entries:
        case = replayed(case, entry.type, entry.event)
    assert case == cases["c1"]


async def test_a_second_taker_learns_who_has_it(http: httpx.AsyncClient) -> None:
    await act(http, "acknowledge", 1)
    late = await act(http, "acknowledge", 1, actor="marek")
    assert late.status_code == 409
    assert late.headers["content-type"] == "application/problem+json"
    told = late.json()
    assert (told["assignee"], told["version"], told["reason"]) == ("lena", 2, "outdated_version")
    assert "lena has it" in told["detail"]


async def test_of_many_takers_at_once_exactly_one_gets_it(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    everybody = [act(http, "acknowledge", 1, actor=f"agent-{n}") for n in range(8)]
    codes = [response.status_code for response in await asyncio.gather(*everybody)]
    assert sorted(codes) == [200] + [409] * 7
    assert len(await published(close)) == 1


async def test_of_many_who_reopen_a_case_without_a_timer_exactly_one_does(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    await resolved(http)
    async with close.transaction() as connection:
        await timers.cancel(connection, record.CASE, ["c1"])  # as of one that is closed
    everybody = [act(http, "reopen", 4, reason="again", actor=f"agent-{n}") for n in range(8)]
    codes = [response.status_code for response in await asyncio.gather(*everybody)]
    assert sorted(codes) == [200] + [409] * 7
    assert [event.version for _, event in await published(close)] == [2, 3, 4, 5]


async def test_a_key_is_its_holders_own(http: httpx.AsyncClient) -> None:
    await act(http, "acknowledge", 1, key="k1")
    headers = {"Authorization": "Bearer another", "Idempotency-Key": "k1"}
    body = {"actor": "lena", "version": 1}
    theirs = await http.post("/v1/cases/c1/acknowledge", json=body, headers=headers)
    assert theirs.status_code == 409, "the result of somebody else's request was given away"


async def test_a_step_that_is_not_possible_says_which_are(http: httpx.AsyncClient) -> None:
    refused = await act(http, "resolve", 1, **FIX)
    assert refused.status_code == 409
    assert refused.json()["possible"][:3] == ["acknowledge", "reassign", "note"]


async def test_the_same_key_gives_the_first_result_again(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    first = await act(http, "acknowledge", 1, key="k1")
    again = await act(http, "acknowledge", 1, key="k1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(await published(close)) == 1
    assert await counted(close, "cases_acknowledged") == 1


async def test_a_key_used_for_something_else_is_refused(http: httpx.AsyncClient) -> None:
    await act(http, "acknowledge", 1, key="k1")
    other = await act(http, "acknowledge", 1, key="k1", actor="marek")
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Idempotency-Key": "k"}, 401, id="no token"),
        pytest.param(
            {"Authorization": "Bearer x", "Idempotency-Key": "k"}, 401, id="unknown token"
        ),
        pytest.param(
            {"Authorization": "Bearer reader", "Idempotency-Key": "k"}, 403, id="no scope"
        ),
        pytest.param(AGENT, 400, id="no key"),
    ],
)
async def test_who_may_not_act_changes_nothing(
    http: httpx.AsyncClient, close: db.Database, headers: dict[str, str], status: int
) -> None:
    body = {"actor": "lena", "version": 1}
    response = await http.post("/v1/cases/c1/acknowledge", json=body, headers=headers)
    assert response.status_code == status
    assert await published(close) == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("c1/resolve", FIX | {"outcome": ""}, 422, id="resolving needs an outcome"),
        pytest.param(
            "c1/reassign", {"team": "nobody", "reason": "r"}, 422, id="a team nobody knows"
        ),
        pytest.param("c1/reassign", {"team": "customer-care"}, 422, id="a reason is missing"),
        pytest.param("c1/acknowledge", {"extra": 1}, 422, id="an unknown field"),
        pytest.param("c1/close", {}, 404, id="an unknown action"),
        pytest.param("c1/acknowledge", {"actor": "a\0b"}, 422, id="a name nothing can keep"),
        pytest.param("c1/note", {"note": "a\0b"}, 422, id="a text nothing can keep"),
        pytest.param("c%00/acknowledge", {}, 400, id="a case that cannot be"),
        pytest.param("c9/acknowledge", {}, 404, id="an unknown case"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], status: int
) -> None:
    response = await http.post(
        f"/v1/cases/{path}",
        json={"actor": "lena", "version": 1, **body},
        headers={**AGENT, "Idempotency-Key": "k"},
    )
    assert response.status_code == status, response.text


async def test_a_case_is_read_with_its_history(http: httpx.AsyncClient) -> None:
    await act(http, "acknowledge", 1)
    found = (await http.get("/v1/cases/c1", headers=AGENT)).json()
    assert found["case"]["state"] == "acknowledged"
    assert [event["type"] for event in found["events"]] == ["opened", "acknowledged"]
    assert (await http.get("/v1/cases/c9", headers=AGENT)).status_code == 404


@pytest.mark.parametrize("path", ["/c%001", "?team=a%00b"])
async def test_nothing_is_looked_for_under_what_no_name_can_hold(
    http: httpx.AsyncClient, path: str
) -> None:
    found = await http.get(f"/v1/cases{path}", headers=AGENT)

    assert found.status_code == 400


async def test_cases_are_listed_by_team_and_state(http: httpx.AsyncClient) -> None:
    async def ids(query: str) -> list[str]:
        listed = (await http.get(f"/v1/cases?{query}", headers=AGENT)).json()["cases"]
        return [each["case"]["case_id"] for each in listed]

    assert await ids("team=billing-care&state=open") == ["c1"]
    assert await ids("team=customer-care") == []
    assert await ids("state=resolved") == []
    assert (await http.get("/v1/cases?state=lost", headers=AGENT)).status_code == 400
    assert (await http.get("/v1/cases?limit=0", headers=AGENT)).status_code == 400


async def test_a_clock_is_decided_once_however_action_and_sweep_race(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    handlers = {record.CASE: sweep.Sweep(lambda: POLICY).due}
    swept = timers.Sweep(close, clock, Wake(close), handlers, Pulse("timers", lambda: 0.0))
    clock.advance(timedelta(minutes=16))
    await act(http, "acknowledge", 1)  # late, and before the sweep noticed
    await swept.step()
    await act(http, "contacted", 2, **CONTACT)  # in time
    clock.advance(timedelta(days=4))
    await swept.step()
    await act(http, "resolve", 3, **FIX)  # late, and after the sweep noticed
    for name, breached in (("acknowledge", 1), ("contact", 0), ("resolve", 1)):
        assert await counted(close, f"case_{name}_deadlines") == 1
        assert await counted(close, f"case_{name}_deadlines_breached") == breached


async def test_a_reopened_case_runs_fresh_clocks_that_are_not_counted_again(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    await resolved(http)
    clock.advance(timedelta(days=9))
    await act(http, "reopen", 4, reason="charged again")
    await act(http, "acknowledge", 5)
    assert await counted(close, "cases_reopened") == 1
    assert await counted(close, "cases_acknowledged") == 2
    assert await counted(close, "case_acknowledge_deadlines") == 1
    assert await counted(close, "case_acknowledge_deadlines_breached") == 0


async def test_times_fall_into_the_bucket_that_ends_at_their_target(
    http: httpx.AsyncClient, close: db.Database, clock: ManualClock
) -> None:
    clock.advance(timedelta(minutes=15))
    await act(http, "acknowledge", 1)
    assert await counted(close, "case_time_to_acknowledge", (*HIGH, "900")) == 1
    assert await counted(close, "case_time_to_acknowledge_sum") == 900


async def test_a_database_that_is_away_is_a_503_and_says_nothing_changed(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    await close.close()
    response = await act(http, "acknowledge", 1)
    assert response.status_code == 503
    assert "nothing was changed" in response.json()["title"]


async def test_merging_ends_one_case_and_brings_its_score_to_the_other(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    await take(close, told(an_event("c2", touchpoint="delivered")))
    merged = await act(http, "merge", 1, into="c2")
    assert merged.status_code == 200, merged.text
    assert (merged.json()["case"]["state"], merged.json()["case"]["merged_into"]) == (
        "merged",
        "c2",
    )
    ended, joined = [event for _, event in await published(close)]
    assert (ended.case_id, ended.reason) == ("c1", "same_matter")
    assert (joined.case_id, joined.reason, joined.version) == ("c2", "merged_from", 2)
    async with close.connection() as connection:
        known = await store.known_scores(connection, ["c2"])
        waiting = await connection.fetch("select ref from timers")
    assert known == {("c2", "r-c1"), ("c2", "r-c2")}
    assert [row["ref"] for row in waiting] == ["c2"]


@pytest.mark.parametrize(
    ("into", "said"),
    [
        pytest.param("c1", "no such case to merge into", id="itself"),
        pytest.param("c9", "no such case to merge into", id="nothing"),
        pytest.param("c3", "of another customer", id="somebody else's"),
        pytest.param("c4", "not open", id="one that is over"),
    ],
)
async def test_a_case_merges_only_where_work_on_it_goes_on(
    http: httpx.AsyncClient, close: db.Database, into: str, said: str
) -> None:
    await take(close, told(an_event("c3", "u3")), told(an_event("c4", state="closed")))
    refused = await act(http, "merge", 1, into=into)
    assert (refused.status_code, said in refused.json()["title"]) == (422, True)
    assert await published(close) == []


async def test_a_root_cause_is_one_of_the_teams_list(
    close: db.Database, clock: ManualClock
) -> None:
    cause = RootCause(cause="double-charge", name={"en": "Charged twice", "zh": "重复扣款"})
    policy = replace(POLICY, root_causes={"billing-care": (cause,)})
    await take(close, told(an_event(state="contacted")))
    acting = Acting(close, clock, lambda: policy)
    body = {"actor": "lena", "version": 1, "action": "a", "outcome": "o"}
    wrong = await acting.act("c1", api.Resolve(**body, root_cause="double-charged"), "k")
    assert isinstance(wrong, Unfit)
    assert "double-charge" in str(wrong.detail)
    right = await acting.act("c1", api.Resolve(**body, root_cause="double-charge"), "k2")
    assert isinstance(right, Done)
