"""The list of alerts over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from hashlib import sha256

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.route import decide, store
from services.route.http import Api
from services.route.sweep import silence_over
from shared import db, web
from shared.contracts.envelope import stable_id
from shared.settings import Tokens
from shared.timers import Timer
from shared.wake import Wake
from tests.integration.route.ground import (
    CONSOLE,
    ShiftedClock,
    case_events,
    completed,
    delivering,
    from_close,
    loop_of,
    rows,
    states,
    take,
)
from tests.support.sinks import WebhookSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import AT, catalog, hook, response, team

READER = {"authorization": "Bearer reader"}
OPERATOR = {"authorization": "Bearer operator", "idempotency-key": "k1"}
TOKENS: Tokens = {
    "reader": ("alerts:read",),
    "writer": ("cases:write",),
    "operator": ("alerts:read", "alerts:act"),
    "other": ("alerts:read", "alerts:act"),
}
HOLDER = sha256(b"operator").hexdigest()[:16]
KNOWN = catalog(None, team("care", hook("care-hook", "http://127.0.0.1:1/")))


def a_silence(now: datetime) -> dict[str, str]:
    return {
        "team": "care",
        "author": "ines",
        "comment": "outage announced",
        "ends_at": (now + timedelta(hours=1)).isoformat(),
    }


@pytest.fixture
async def client(route_db: db.Database) -> AsyncIterator[httpx.AsyncClient]:
    """Talks to the routes as they are mounted."""
    api = Api(route_db, TOKENS, ShiftedClock(), lambda: KNOWN, CONSOLE, Wake(route_db))
    app = Starlette(
        routes=api.routes(),
        exception_handlers={
            HTTPException: web.on_http_error,
            **dict.fromkeys(db.UNKEEPABLE, web.on_unkeepable),
        },
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
        pytest.param(READER, "?case=a%00b", 400, id="a case that cannot be"),
    ],
)
async def test_who_may_ask_for_what(
    client: httpx.AsyncClient, headers: dict[str, str], query: str, status: int
) -> None:
    assert (await client.get(f"/v1/alerts{query}", headers=headers)).status_code == status


async def test_channels_are_listed_with_what_they_refuse(
    route_db: db.Database, client: httpx.AsyncClient
) -> None:
    (hook_of_care,) = KNOWN.teams[0].channels
    refused = ("care/care-hook", "broken", decide.target(hook_of_care), "not_found")
    before = (await client.get("/v1/channels", headers=READER)).json()["channels"]
    async with route_db.transaction() as connection:
        await store.refuse(connection, [refused], AT)
    after = (await client.get("/v1/channels", headers=READER)).json()["channels"]

    name = {"team": "care", "channel": "care-hook", "kind": "webhook"}
    assert before == [{**name, "state": "working", "failure": None, "since": None}]
    assert after == [{**name, "state": "broken", "failure": "not_found", "since": AT.isoformat()}]
    assert (await client.get("/v1/channels")).status_code == 401


async def test_a_replayed_alert_is_delivered_again_with_the_same_id(
    route_db: db.Database, client: httpx.AsyncClient, webhook_sink: WebhookSink
) -> None:
    known = catalog(None, team("care", hook("hook", webhook_sink.url("/hook"))))
    await take(route_db, known, completed(response()))
    (row,) = await rows(route_db, "deliveries")
    replay = f"/v1/alerts/{row['alert_id']}/replay"

    assert (await client.post(replay, headers=OPERATOR)).status_code == 409
    async with delivering(loop_of(route_db, known)):
        await eventually(lambda: _delivered(route_db, webhook_sink, 1), within=10)
        again = {**OPERATOR, "idempotency-key": "k2"}
        first = await client.post(replay, headers=again)
        second = await client.post(replay, headers=again)
        await eventually(lambda: _delivered(route_db, webhook_sink, 2), within=10)

    assert (first.status_code, first.json()) == (202, second.json())
    assert len({call.headers["webhook-id"] for call in webhook_sink.calls}) == 1
    missing = await client.post("/v1/alerts/nothing/replay", headers=OPERATOR)
    assert missing.status_code == 404


@pytest.mark.parametrize("field", ["team", "author", "comment"])
async def test_a_silence_of_unkeepable_characters_is_refused(
    client: httpx.AsyncClient, field: str
) -> None:
    ends = (ShiftedClock().now() + timedelta(hours=1)).isoformat()
    body = {"team": "care", "author": "ines", "comment": "outage", "ends_at": ends}

    refused = await client.post("/v1/silences", headers=OPERATOR, json={**body, field: "a\0b"})

    assert (refused.status_code, "U+0000" in refused.json()["title"]) == (422, True)


async def test_a_silence_holds_alerts_back_until_it_is_lifted(
    route_db: db.Database, client: httpx.AsyncClient, webhook_sink: WebhookSink
) -> None:
    known = catalog(None, team("care", hook("hook", webhook_sink.url("/hook"))))
    now = ShiftedClock().now()
    body = a_silence(now)

    made = await client.post("/v1/silences", headers=OPERATOR, json=body)
    twice = await client.post("/v1/silences", headers=OPERATOR, json=body)
    listed = (await client.get("/v1/silences", headers=READER)).json()["silences"]
    await take(route_db, known, completed(response()), now=ShiftedClock().now())

    assert (made.status_code, made.json()) == (201, twice.json())
    assert [each["comment"] for each in listed] == ["outage announced"]
    assert await states(route_db) == {"silenced": 1}
    lifted = await client.delete(
        f"/v1/silences/{made.json()['silence_id']}", headers={**OPERATOR, "idempotency-key": "k9"}
    )
    assert lifted.status_code == 200
    async with delivering(loop_of(route_db, known)):
        await eventually(lambda: _delivered(route_db, webhook_sink, 1), within=10)
    assert (await client.get("/v1/silences", headers=READER)).json()["silences"] == []


async def test_two_requests_with_one_key_at_the_same_moment_get_one_answer(
    route_db: db.Database, client: httpx.AsyncClient
) -> None:
    body = a_silence(ShiftedClock().now())

    made = await asyncio.gather(
        *(client.post("/v1/silences", headers=OPERATOR, json=body) for _ in range(8))
    )
    async with route_db.transaction() as connection:  # one that has done its work and not committed
        await store.claim_key(connection, "silence", f"{HOLDER}/k2", "another body", AT)
        late = asyncio.create_task(
            client.post("/v1/silences", headers={**OPERATOR, "idempotency-key": "k2"}, json=body)
        )
        await eventually(lambda: _somebody_waits(route_db), within=10)
        await store.keep_result(connection, "silence", f"{HOLDER}/k2", {"status": 201, "body": {}})

    assert {each.status_code for each in made} == {201}
    assert [each.json() for each in made] == [made[0].json()] * 8
    assert len(await rows(route_db, "silences")) == 1
    assert (await late).status_code == 422


async def test_a_key_is_its_holders_and_makes_another_silence_once_it_is_forgotten(
    route_db: db.Database, client: httpx.AsyncClient
) -> None:
    body = a_silence(ShiftedClock().now())
    theirs = {**OPERATOR, "authorization": "Bearer other"}

    first = await client.post("/v1/silences", headers=OPERATOR, json=body)
    second = await client.post("/v1/silences", headers=theirs, json={**body, "comment": "mine"})
    async with route_db.transaction() as connection:
        await connection.execute("delete from idempotency_keys")
    third = await client.post("/v1/silences", headers=OPERATOR, json=body)

    assert [each.status_code for each in (first, second, third)] == [201] * 3
    assert len({each.json()["silence_id"] for each in (first, second, third)}) == 3


async def test_what_was_refused_leaves_its_key_unused(
    route_db: db.Database, client: httpx.AsyncClient
) -> None:
    body = a_silence(ShiftedClock().now())
    refused = await client.post(
        "/v1/silences", headers=OPERATOR, json={**body, "ends_at": AT.isoformat()}
    )

    assert refused.status_code == 422
    assert await rows(route_db, "idempotency_keys") == []
    assert (await client.post("/v1/silences", headers=OPERATOR, json=body)).status_code == 201


async def test_a_silence_that_ends_by_itself_owes_only_what_nobody_took(
    route_db: db.Database, client: httpx.AsyncClient
) -> None:
    clock = ShiftedClock()
    ends = clock.now() + timedelta(minutes=5)
    body = {"touchpoint": "first-bill", "author": "a", "comment": "c", "ends_at": ends.isoformat()}
    made = await client.post("/v1/silences", headers=OPERATOR, json=body)
    silence_id = made.json()["silence_id"]
    await take(
        route_db,
        KNOWN,
        completed(response("r1", customer_id="c1")),
        completed(response("r2", customer_id="c2")),
        now=clock.now(),
    )
    (taken, _) = await case_events(route_db, "opened")
    await take(route_db, KNOWN, from_close(taken, "acknowledged", version=2, state="acknowledged"))

    async with route_db.transaction() as connection:
        await silence_over(connection, [Timer("silence_over", silence_id, ends)], ends)

    assert await states(route_db) == {"spared": 1, "due": 1}


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"author": "a", "comment": "c"}, "ends_at: Field required"),
        ({"author": "a", "comment": "c", "ends_at": "2099-01-01T00:00:00Z"}, "say what to silence"),
        (
            {"team": "care", "author": "a", "comment": "c", "ends_at": AT.isoformat()},
            "in the future",
        ),
    ],
)
async def test_a_silence_needs_an_end_an_author_and_something_to_silence(
    client: httpx.AsyncClient, body: dict[str, str], complaint: str
) -> None:
    answer = await client.post("/v1/silences", headers=OPERATOR, json=body)

    assert answer.status_code == 422
    assert complaint in answer.text


async def test_a_test_goes_the_way_of_any_alert_and_says_what_came_of_it(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = catalog(None, team("care", hook("care-hook", webhook_sink.url("/hook"))))
    api = Api(route_db, TOKENS, ShiftedClock(), lambda: known, CONSOLE, Wake(route_db))
    transport = httpx.ASGITransport(app=Starlette(routes=api.routes()))
    webhook_sink.answer_next(200, 401)
    async with (
        delivering(loop_of(route_db, known)),
        httpx.AsyncClient(transport=transport, base_url="http://route.test") as client,
    ):
        good = await client.post("/v1/channels/care-hook/test", headers=OPERATOR)
        bad = await client.post(
            "/v1/channels/care-hook/test", headers={**OPERATOR, "idempotency-key": "k2"}
        )

    assert (good.status_code, good.json()["accepted"]) == (200, True)
    assert (bad.json()["accepted"], bad.json()["failure"]) == (False, "unauthorized")
    assert json.loads(webhook_sink.calls[0].body)["type"] == "channel.test"
    assert [row["state"] for row in await rows(route_db, "endpoints")] == ["broken"]


async def _delivered(database: db.Database, sink: WebhookSink, calls: int) -> bool:
    return len(sink.calls) == calls and set(await states(database)) == {"delivered"}


async def _somebody_waits(database: db.Database) -> bool:
    async with database.connection() as connection:
        waits = "select exists (select from pg_locks where not granted)"
        return bool(await connection.fetchval(waits))
