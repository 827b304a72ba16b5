"""Webhooks: durable before they are answered, once on the topic, and nobody else's."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import aiohttp
import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from standardwebhooks import Webhook as Library
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.listen import metrics
from services.listen.app import MIGRATIONS
from services.listen.formats import MAX_BYTES
from services.listen.http import Door
from services.listen.policy import dialects
from shared import db, migrate, web
from shared.catalog.loader import load
from tests.integration.listen import ground
from tests.support.clock import ManualClock
from tests.support.kafka_broker import KafkaBroker
from tests.support.topics import unique_topic
from tests.support.wait import eventually

NEW, OLD = ("whsec_" + base64.b64encode(each * 24).decode() for each in (b"n", b"o"))
SECRETS = {"stripe-new": "new", "stripe-old": "old", "hush": "hush", "std": NEW, "kb": "kb:hush"}
SOURCES = "".join(
    ground.sources(f"{name}.events", f"  webhook: {{{block}}}\n", name)
    for name, block in {
        "billing": "scheme: stripe, secrets: [stripe-new, stripe-old]",
        "shop": "scheme: shopify, secrets: [hush]",
        "standard": "scheme: standard, secrets: [std]",
        "killbill": "scheme: basic, secrets: [kb]",
        "unready": "scheme: shopify, secrets: [absent]",
    }.items()
) + ground.sources("plain.events", name="plain")
BODY = json.dumps(ground.delivered(1)).encode()


class House:
    """The door on a real PostgreSQL."""

    def __init__(
        self, database: db.Database, client: httpx.AsyncClient, registry: CollectorRegistry
    ) -> None:
        self.database, self.client, self._registry = database, client, registry

    async def rows(self) -> list[db.Row]:
        async with self.database.connection() as connection:
            return await connection.fetch("select * from outbox order by position")

    def counted(self, source: str) -> dict[str, float]:
        lines = generate_latest(self._registry).decode().splitlines()
        wanted = 'touchback_webhooks_total{outcome="'
        found = [line for line in lines if line.startswith(wanted) and f'source="{source}"' in line]
        counts = {line.split('"')[1]: float(line.split()[-1]) for line in found}
        return {outcome: count for outcome, count in counts.items() if count}

    async def post(
        self, source: str, headers: Mapping[str, str], body: bytes = BODY
    ) -> httpx.Response:
        return await self.client.post(f"/in/{source}", content=body, headers=dict(headers))


@pytest.fixture
async def house(database: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[House]:
    await migrate.apply(database, "listen", MIGRATIONS)
    opened = db.Database(database, "listen")
    await opened.open()
    taken = dialects(load(ground.catalog(tmp_path, SOURCES)))
    registry = CollectorRegistry()
    counter = metrics.webhooks(registry, taken.webhooks)
    door = Door(opened, clock, lambda: taken, SECRETS, counter)
    handlers = {HTTPException: web.on_http_error}
    app = Starlette(routes=door.routes(), exception_handlers=handlers)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://listen") as client:
        yield House(opened, client, registry)
    await opened.close()


def stripe(secret: str, stamp: int, body: bytes = BODY) -> dict[str, str]:
    made = hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()
    return {"Stripe-Signature": f"t={stamp},v1={made}"}


def shopify(body: bytes = BODY) -> dict[str, str]:
    made = base64.b64encode(hmac.new(b"hush", body, "sha256").digest()).decode()
    return {"X-Shopify-Hmac-Sha256": made, "X-Shopify-Topic": "orders/paid"}


def kept(row: db.Row) -> dict[str, bytes]:
    return dict(zip(row["header_names"], row["header_values"], strict=True))


async def test_a_signed_event_is_kept_as_it_came(house: House, clock: ManualClock) -> None:
    body = b'\xef\xbb\xbf{"a":  1}\n'
    private = {"Cookie": "c", "X-Forwarded-For": "203.0.113.9", "Authorization": "Bearer b"}
    response = await house.post("shop", {**shopify(body), **private}, body)
    assert (response.status_code, response.json()) == (202, {"status": "taken"})
    (row,) = await house.rows()
    assert (row["aggregatetype"], row["payload"]) == ("shop.events", body)
    headers = kept(row)
    assert headers["x-shopify-topic"] == b"orders/paid"
    assert not {"cookie", "x-forwarded-for", "authorization", "host"} & set(headers)


async def test_a_replayed_request_is_refused_and_said_so(house: House, clock: ManualClock) -> None:
    headers = stripe("new", int(clock.now().timestamp()))
    assert (await house.post("billing", headers)).status_code == 202
    clock.advance(timedelta(minutes=4))
    again = await house.post("billing", headers)
    assert (again.status_code, again.headers["content-type"]) == (403, "application/problem+json")
    assert again.json()["title"] == "this very request was taken before"
    assert len(await house.rows()) == 1
    assert house.counted("billing") == {"accepted": 1, "replayed": 1}


async def test_of_many_copies_at_once_one_is_taken(house: House, clock: ManualClock) -> None:
    headers = stripe("new", int(clock.now().timestamp()))
    answers = await asyncio.gather(*(house.post("billing", headers) for _ in range(8)))
    assert Counter(each.status_code for each in answers) == {202: 1, 403: 7}
    assert len(await house.rows()) == 1


async def test_a_stale_request_is_refused(house: House, clock: ManualClock) -> None:
    headers = stripe("new", int(clock.now().timestamp()))
    clock.advance(timedelta(minutes=5, seconds=1))
    assert (await house.post("billing", headers)).status_code == 403
    assert (await house.rows(), house.counted("billing")) == ([], {"stale": 1})


async def test_both_keys_count_while_one_replaces_the_other(
    house: House, clock: ManualClock
) -> None:
    stamp = int(clock.now().timestamp())
    for number, secret in enumerate(("new", "old", "older")):
        body = json.dumps(ground.delivered(number)).encode()
        response = await house.post("billing", stripe(secret, stamp, body), body)
        assert response.status_code == (401 if secret == "older" else 202)


async def test_a_sender_that_did_not_hear_us_is_heard_once(
    house: House, clock: ManualClock
) -> None:
    """Shopify signs no time: its second try looks like a copy, and must not be punished."""
    for _ in range(2):
        assert (await house.post("shop", shopify())).status_code == 202
    assert len(await house.rows()) == 1
    assert house.counted("shop") == {"accepted": 1, "repeated": 1}


async def test_a_second_try_with_the_same_id_is_taken_once(
    house: House, clock: ManualClock
) -> None:
    for _ in range(2):
        now = clock.advance(timedelta(minutes=1))
        signature = Library(NEW).sign("msg_1", now, BODY.decode())
        headers = {"webhook-id": "msg_1", "webhook-signature": signature}
        headers["webhook-timestamp"] = str(int(now.timestamp()))
        assert (await house.post("standard", headers)).status_code == 202
    assert (await house.post("standard", headers)).status_code == 403
    assert len(await house.rows()) == 1


async def test_without_a_signature_every_request_counts(house: House) -> None:
    headers = {"Authorization": "Basic " + base64.b64encode(b"kb:hush").decode()}
    for _ in range(2):
        assert (await house.post("killbill", headers)).status_code == 202
    rows = await house.rows()
    assert len(rows) == 2
    assert "authorization" not in kept(rows[0])


@pytest.mark.parametrize("source", ["nobody", "plain"])
async def test_who_does_not_post_is_not_found(house: House, source: str) -> None:
    assert (await house.post(source, shopify())).status_code == 404


async def test_a_forged_request_is_refused_with_what_was_looked_for(house: House) -> None:
    forged = {**shopify(), "X-Shopify-Hmac-Sha256": "Zm9yZ2Vk"}
    response = await house.post("shop", forged)
    assert (response.status_code, response.json()["detail"]) == (
        401,
        "no signature fits body and secret",
    )
    unsigned = await house.post("killbill", {})
    assert unsigned.headers["www-authenticate"] == 'Basic realm="touchback"'
    assert await house.rows() == []


async def test_a_body_that_no_record_could_hold_is_refused(house: House) -> None:
    body = b" " * (MAX_BYTES + 1)
    assert (await house.post("shop", shopify(body), body)).status_code == 413
    huge = {**shopify(), "x-huge": "x" * 17_000}
    assert (await house.post("shop", huge)).status_code == 431
    assert house.counted("shop") == {"too_large": 2}


async def test_a_source_without_its_secret_asks_to_come_again(house: House) -> None:
    assert (await house.post("unready", shopify())).status_code == 503


async def test_kafka_may_be_away_and_each_event_is_on_the_topic_once(
    own_kafka: KafkaBroker, database: str, tmp_path: Path, service_environment: dict[str, str]
) -> None:
    topic = unique_topic("hooks")
    folder = ground.catalog(
        tmp_path / "catalog",
        ground.sources(topic, "  webhook: {scheme: stripe, secrets: [stripe]}\n"),
    )
    environment = ground.environment_of(
        service_environment, own_kafka.bootstrap, database, folder, {"stripe": "s"}
    )
    environment["TOUCHBACK_KAFKA_IDEMPOTENCE"] = str(own_kafka.idempotence).lower()
    await asyncio.to_thread(own_kafka.start)
    assert (await ground.command(environment, "migrate"))[0] == 0
    await asyncio.to_thread(own_kafka.stop)
    bodies = [json.dumps(ground.delivered(each)).encode() for each in range(20)]
    async with ground.running(environment) as process:
        await post_all(environment, bodies)
        process.kill()
        await process.wait()

    async def all_there() -> list[bytes | None] | None:
        found = [each.value for each in await ground.standing(own_kafka.bootstrap, topic)]
        return found if len(found) >= len(bodies) else None

    await asyncio.to_thread(own_kafka.start)
    async with ground.running(environment):
        assert await eventually(all_there, within=ground.DEADLINE, every=0.5) == bodies

        async def signals() -> bool:
            return 'touchback_signals_total{source="shop"} 20.0' in await ground.scrape(environment)

        await eventually(signals, within=ground.DEADLINE, every=0.5)


async def post_all(environment: Mapping[str, str], bodies: list[bytes]) -> None:
    async with aiohttp.ClientSession() as client:
        for body in bodies:
            headers = stripe("s", int(time.time()), body)
            address = ground.url(environment, "/in/shop")
            async with client.post(address, data=body, headers=headers) as response:
                assert response.status == 202, await response.text()
