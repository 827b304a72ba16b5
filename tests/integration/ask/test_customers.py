"""The card of a customer over HTTP, and what is left once a customer was erased."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.ask import contacts, ladder, lives, people, sends
from services.ask.http.budget import BudgetApi
from services.ask.http.customers import CustomerApi
from services.ask.http.deliveries import DeliveryApi
from services.ask.http.once import Door
from services.ask.outbound import Outbound
from shared import db, tallies, web
from shared.catalog.fields import LADDER_RULES
from shared.catalog.policy import Ladder
from shared.consume import Item
from shared.contracts.base import Band
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.contracts.signals import CustomerErased
from shared.erasure import Guard
from shared.links import Links
from tests.integration.ask.ground import KEYS, PII, URL, plan, states
from tests.support.clock import START, ManualClock
from tests.support.wait import eventually
from tests.unit.ask.moments import a_catalog, a_profile, a_signal, an_event, an_opt_out, hours

SCOPES = ("customers:read", "customers:write", "customers:erase", "budget:read", "budget:spend")
TOKENS = {"all": (*SCOPES, "deliveries:write"), "other": SCOPES, "none": ()}
CARD = {
    "email": "kim@example.com",
    "phone": "+4915112345678",
    "name": "Kim",
    "locale": "de-AT",
    "time_zone": "Europe/Vienna",
    "account_zone": "Europe/Berlin",
    "segment": "business",
    "value": 1200.5,
    "consent": "granted",
    "consent_source": "web-form",
    "consent_at": "2026-01-05T10:00:00Z",
}


@pytest.fixture
async def api(pool: db.Database, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    door, catalog = Door(pool, TOKENS, clock), a_catalog()
    routes = [
        *CustomerApi(door, PII).routes(),
        *BudgetApi(door, lambda: catalog).routes(),
        *DeliveryApi(door, Outbound(lambda: catalog, Links(KEYS), PII, {}, URL)).routes(),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: web.on_http_error})
    headers = {"Authorization": "Bearer all"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://ask", headers=headers
    ) as client:
        yield client


def key(name: str) -> dict[str, str]:
    """The header that makes a write happen once."""
    return {"Idempotency-Key": name}


async def everything(pool: db.Database) -> str:
    """All that stands in the tables of the service, as one text."""
    async with pool.connection() as connection:
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'ask' and tablename <> 'outbox'"
        )
        found = [
            row["line"]
            for table in tables
            for row in await connection.fetch(
                f'select to_jsonb(t)::text as line from "{table["tablename"]}" t'
            )
        ]
    # The id of an event is not the person.
    return re.sub(r'"source_event_id": "[^"]*"', "", "\n".join(found))


async def hear(pool: db.Database, *bodies: Any) -> list[Event]:
    """Handle one batch as far as customers are concerned."""
    return await take(pool, *(an_event(body) for body in bodies))


async def take(pool: db.Database, *events: Event) -> list[Event]:
    """Handle these as one batch; returns those that are left to decide about."""
    left: list[Event] = []

    async def keep(connection: db.Connection, items: Sequence[Item[Event]], now: datetime) -> None:
        left.extend(await people.hear(connection, [item.value for item in items]))

    async with pool.transaction() as connection:
        items = [Item(event.source, event.id, event) for event in events]
        await Guard(keep, contacts.erase)(connection, items, START)
    return left


async def test_a_card_is_read_as_it_was_put(api: httpx.AsyncClient) -> None:
    put = await api.put("/v1/customers/c1", json=CARD, headers=key("1"))
    assert put.status_code == 200
    read = (await api.get("/v1/customers/c1")).json()
    assert {name: read[name] for name in CARD} == CARD
    assert (read["rung"], read["opted_out_of"], read["bounced"]) == ("prospect", [], [])


async def test_addresses_and_names_are_never_readable_in_the_database(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await api.put("/v1/customers/c1", json=CARD, headers=key("1"))
    kept = await everything(pool)
    assert [word for word in ("kim@", "+4915112345678", "Kim") if word in kept] == []


async def test_a_card_that_leaves_a_field_out_takes_it_away_for_good(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await api.put("/v1/customers/c1", json=CARD, headers=key("1"))
    await api.put("/v1/customers/c1", json={"segment": "home"}, headers=key("2"))
    await hear(pool, a_profile(PII.encrypt("old@example.com"), at=START - hours(1)))
    read = (await api.get("/v1/customers/c1")).json()
    assert (read["email"], read["segment"], read["consent"]) == (None, "home", None)


async def test_the_same_key_again_changes_nothing_and_for_another_card_is_refused(
    api: httpx.AsyncClient, clock: ManualClock
) -> None:
    first = await api.put("/v1/customers/c1", json=CARD, headers=key("1"))
    clock.advance(hours(1))
    again = await api.put("/v1/customers/c1", json=CARD, headers=key("1"))
    assert (again.status_code, again.json()) == (200, first.json())
    other = await api.put("/v1/customers/c1", json={}, headers=key("1"))
    assert other.status_code == 422
    assert (await api.get("/v1/customers/c1")).json()["email"] == CARD["email"]


@pytest.mark.parametrize(
    ("card", "complaint"),
    [
        pytest.param({"email": "kim"}, "not a mail address", id="no address"),
        pytest.param({"phone": "0151 1234"}, "phone", id="not international"),
        pytest.param({"time_zone": "+01:00"}, "IANA name", id="an offset is no zone"),
        pytest.param({"consent": "granted"}, "consent_source", id="consent out of nowhere"),
        pytest.param({"value": "NaN"}, "value", id="not a number"),
        pytest.param({"emial": "kim@example.com"}, "emial", id="a typing error"),
        pytest.param({"name": "a\x00b"}, "U+0000", id="what PostgreSQL cannot keep"),
    ],
)
async def test_a_card_that_cannot_be_right_is_refused_in_one_line(
    api: httpx.AsyncClient, card: dict[str, str], complaint: str
) -> None:
    answer = await api.put("/v1/customers/c1", json=card, headers=key("1"))
    assert answer.status_code == 422
    assert complaint in answer.json()["title"]
    assert "\n" not in answer.json()["title"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_every_path_needs_its_scope(api: httpx.AsyncClient, method: str) -> None:
    for token, status in (("none", 403), ("wrong", 401)):
        headers = {"Authorization": f"Bearer {token}", **key("1")}
        answer = await api.request(method, "/v1/customers/c1", headers=headers, content=b"{}")
        assert answer.status_code == status


async def test_a_write_without_a_key_is_refused(api: httpx.AsyncClient) -> None:
    assert (await api.put("/v1/customers/c1", json=CARD)).status_code == 400
    assert (await api.delete("/v1/customers/c1")).status_code == 400


async def test_nothing_known_is_404(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/customers/nobody")).status_code == 404


async def test_erasure_leaves_no_trace_of_the_person_but_what_was_counted(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await plan(pool, "kim-4711")
    await hear(pool, an_opt_out("kim-4711"))
    await api.put("/v1/customers/kim-4711", json=CARD, headers=key("1"))
    gone = await api.delete("/v1/customers/kim-4711", headers=key("2"))
    assert gone.status_code == 202
    assert "kim-4711" not in await everything(pool)
    assert (await api.get("/v1/customers/kim-4711")).status_code == 404
    assert await states(pool) == ["failed"], "what was to be sent is not sent any more"
    async with pool.connection() as connection:
        assert await connection.fetchval("select count(*) from decisions") == 1


async def test_who_was_erased_is_not_reminded(pool: db.Database) -> None:
    await plan(pool, "kim")
    async with pool.transaction() as connection:
        await connection.execute("update invitations set state = 'sent', reminder = 'planned'")
        await people.erase(connection, "kim", START)
        assert await connection.fetchval("select reminder from invitations") == "dropped"


async def test_erasure_is_said_to_all_and_then_compacted_away(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await api.delete("/v1/customers/c1", headers=key("1"))
    async with pool.connection() as connection:
        rows = await connection.fetch(
            "select type, aggregatetype, payload, record_key from outbox order by position"
        )
    said, tombstone = rows
    assert said["type"] == "touchback.customer.erased.v1"
    assert json.loads(said["payload"])["customer_id"] == "c1"
    assert (tombstone["payload"], tombstone["record_key"]) == (None, b"c1")
    assert {row["aggregatetype"] for row in rows} == {"touchback.profiles"}


async def test_old_records_do_not_bring_an_erased_customer_back(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await hear(pool, a_profile("token"), an_opt_out())
    await api.delete("/v1/customers/c1", headers=key("1"))
    left = await hear(pool, a_profile("token"), a_signal(at=START - hours(1)), a_signal("late"))
    assert left == []
    await hear(pool, an_opt_out())
    assert (await api.get("/v1/customers/c1")).status_code == 404
    assert '"c1"' not in await everything(pool)


async def test_who_comes_back_after_erasure_still_does_not_want_to_be_asked(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await hear(pool, a_profile("token"), an_opt_out())
    await api.delete("/v1/customers/c1", headers=key("1"))
    await hear(pool, a_profile("token", at=START + hours(1)))
    async with pool.connection() as connection:
        assert (await contacts.opt_outs(connection, ["c1"]))["c1"] == frozenset({None})
        assert (await contacts.cards(connection, ["c1"]))["c1"].email == "token"


async def test_an_erasure_that_others_ask_for_is_heard(pool: db.Database) -> None:
    await plan(pool, "kim-4711")
    body = CustomerErased(customer_id="kim-4711", at=START)
    event = Event("e", "crm", "touchback.customer.erased.v1", "kim-4711", START, body)
    await take(pool, event)
    assert "kim-4711" not in await everything(pool)


async def test_the_budget_is_there_until_it_is_spent(
    api: httpx.AsyncClient, clock: ManualClock
) -> None:
    path, newsletter = "/v1/contact-budget/c1", {"sender": "newsletter"}
    assert (await api.get(path)).json()["granted"]
    first = await api.post(path, json=newsletter, headers=key("1"))
    assert (first.status_code, first.json()["granted"]) == (200, True)
    again = await api.post(path, json=newsletter, headers=key("1"))
    assert again.json() == first.json()
    second = await api.post(path, json=newsletter, headers=key("2"))
    assert second.status_code == 409
    said = second.json()
    assert (said["reason"], said["next_possible_at"]) == (
        "cap_person",
        (START + timedelta(days=30)).isoformat(),
    )
    clock.advance(timedelta(days=30) - timedelta(microseconds=1))
    assert not (await api.get(path)).json()["granted"]
    clock.advance(timedelta(microseconds=1))
    refused_key = await api.post(path, json=newsletter, headers=key("2"))
    assert refused_key.status_code == 200, "what was refused did not use the key up"


async def test_two_senders_may_choose_the_same_key(api: httpx.AsyncClient) -> None:
    path, other = "/v1/contact-budget/c1", {"Authorization": "Bearer other"}
    first = await api.post(path, json={"sender": "shop"}, headers=key("1"))
    second = await api.post(path, json={"sender": "shop"}, headers={**key("1"), **other})
    assert (first.status_code, second.status_code) == (200, 409)


async def test_what_is_written_about_a_customer_meanwhile_is_erased_too(pool: db.Database) -> None:
    async def erase() -> None:
        async with pool.transaction() as connection:
            await people.erase(connection, "kim-4711", START)

    async with pool.transaction() as spending:
        await lives.lock(spending, ["kim-4711"])
        await sends.add_spend(spending, "kim-4711", "newsletter", START)
        erasing = asyncio.create_task(erase())
        await eventually(lambda: _somebody_waits(pool), within=10)
    await erasing
    assert "kim-4711" not in await everything(pool)


async def _somebody_waits(pool: db.Database) -> bool:
    async with pool.connection() as connection:
        waiting = await connection.fetchval(
            "select count(*) from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
    return bool(waiting)


async def test_an_ask_on_its_way_holds_the_budget(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await plan(pool, "kim")
    said = (await api.get("/v1/contact-budget/kim")).json()
    assert (said["granted"], said["reason"]) == (False, "cap_person")


async def test_the_budget_of_who_wants_to_be_left_alone_is_never_granted(
    api: httpx.AsyncClient, pool: db.Database
) -> None:
    await hear(pool, an_opt_out("c1"), a_profile("token", "c2", consent="refused"))
    for customer, reason in (("c1", "opted_out"), ("c2", "no_consent")):
        said = (await api.get(f"/v1/contact-budget/{customer}")).json()
        assert (said["granted"], said["reason"], said["next_possible_at"]) == (False, reason, None)


async def test_an_answer_moves_a_customer_on_the_ladder_and_a_replay_does_not(
    pool: db.Database,
) -> None:
    await plan(pool, "kim")
    async with pool.connection() as connection:
        assert (await contacts.cards(connection, ["kim"]))["kim"].rung == "customer"
    answers = [a_response("r1", "kim", "high"), a_response("r2", "kim", "high")]
    for _ in range(2):
        async with pool.transaction() as connection:
            await ladder.keep(connection, Ladder(), answers, [], START)
            assert (await contacts.cards(connection, ["kim"]))["kim"].rung == "loyal"
    async with pool.transaction() as connection:
        changed = [a_response("r2", "kim", "low")]
        await ladder.keep(connection, Ladder(), changed, [], START + hours(1))
        assert (await contacts.cards(connection, ["kim"]))["kim"].rung == "customer"


async def test_a_rule_of_the_ladder_that_breaks_moves_nobody_and_is_counted(
    pool: db.Database,
) -> None:
    broken = Ladder(advocate=LADDER_RULES.condition("100 / answers.low > 1"))
    await plan(pool, "kim")
    async with pool.transaction() as connection:
        await ladder.keep(connection, broken, [a_response("r1", "kim", "high")], [], START)
        assert (await contacts.cards(connection, ["kim"]))["kim"].rung == "customer"
        assert (await tallies.read(connection))["rule_errors"] == {("ladder",): 1}


def a_response(id: str, customer: str, band: Band) -> Response:
    """An answer."""
    return Response(
        response_id=id,
        touchpoint="delivered",
        survey="delivery",
        metric="csat",
        customer_id=customer,
        score={"low": 1, "mid": 3, "high": 5}[band],
        band=band,
        channel="email",
        received_at=START + hours(int(id[1:])),
        at=START,
    )
