"""Reminders, asks that are tried again, and what providers report afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from services.ask import contacts, lives, sends
from services.ask.handlers import Desk as Decider
from services.ask.http.deliveries import DeliveryApi
from services.ask.http.once import Door
from services.ask.metrics import decision_delay
from shared.links import Links
from shared.pii import Pii
from tests.integration.ask.ground import (
    KEYS,
    PII,
    URL,
    Post,
    events,
    failures,
    states,
    tell,
)
from tests.support.clock import START
from tests.support.sinks import Answer
from tests.unit.ask.moments import a_profile, a_signal

TOKENS = {"all": ("deliveries:write",)}


REMINDER = "  reminder: {after: 3d}\n"


async def reminded(post: Post, **more: str) -> None:
    """An ask was sent, and the time of its reminder has come."""
    post.use("email", REMINDER, **more)
    await post.plan()
    await post.sender("email").step()
    assert not await post.sender("email").step()
    post.clock.advance(timedelta(days=3))


async def test_who_did_not_answer_is_reminded_once_and_that_counts_nowhere(post: Post) -> None:
    await reminded(post)
    assert await post.sender("email").step()
    assert not await post.sender("email").step()
    ask, reminder = post.mails.mails
    assert "Reminder" in reminder.message["Subject"]
    assert reminder.message["In-Reply-To"] == ask.message["Message-ID"]
    assert (await states(post.pool), await events(post.pool)) == (["sent"], ["sent", "reminded"])
    async with post.pool.connection() as connection:
        assert (await lives.load(connection, ["kim"], START))["kim"].history.last_contact == START


async def test_a_reminder_whose_sender_died_is_let_go_and_no_lost_ask(post: Post) -> None:
    await reminded(post)
    async with post.pool.transaction() as connection:
        claimed = await sends.claim(connection, "email", post.clock.now(), post.clock.now())
    assert claimed is not None
    assert claimed.reminds
    post.clock.advance(timedelta(seconds=1))
    await post.sender("email").expire()
    assert (await post.reminder(), await states(post.pool)) == ("unknown", ["sent"])
    assert await failures(post.pool) == {}


@pytest.mark.parametrize(
    "happened",
    [
        pytest.param(
            "insert into answers values ('kim', 'delivered', '2030-01-01')", id="answered"
        ),
        pytest.param("insert into cases values ('case', 'kim', 1, true)", id="an open case"),
        pytest.param("insert into opt_outs values ('kim', null, null, now())", id="opted out"),
    ],
)
async def test_nobody_is_reminded_of_what_is_settled(post: Post, happened: str) -> None:
    await reminded(post)
    async with post.pool.transaction() as connection:
        await connection.execute(happened)
    assert await post.sender("email").step()
    assert (await post.reminder(), len(post.mails.mails)) == ("dropped", 1)
    assert await states(post.pool) == ["sent"]


async def test_a_reminder_that_the_server_cannot_take_now_is_tried_again(post: Post) -> None:
    await reminded(post)
    post.mails.answer_next("451 later")
    await post.sender("email").step()
    assert await post.reminder() == "planned"
    post.clock.advance(timedelta(minutes=1))
    await post.sender("email").step()
    assert (await post.reminder(), len(post.mails.mails)) == ("sent", 2)


async def test_nobody_is_reminded_at_night(post: Post) -> None:
    await reminded(post)
    post.hours("08:00", "12:00")
    assert await post.sender("email").step()
    assert (await post.reminder(), len(post.mails.mails)) == ("planned", 1)
    post.clock.advance(timedelta(hours=20) - timedelta(seconds=1))
    assert not await post.sender("email").step()
    post.clock.advance(timedelta(seconds=1))
    assert await post.sender("email").step()
    assert (await post.reminder(), len(post.mails.mails)) == ("sent", 2)


async def test_an_ask_that_is_tried_again_waits_for_the_morning(post: Post) -> None:
    post.use("email")
    await post.plan()
    post.hours("08:00", "12:01")
    post.mails.answer_next("451 later")
    await post.sender("email").step()
    post.clock.advance(timedelta(minutes=1))
    assert await post.sender("email").step()
    post.clock.advance(timedelta(hours=19))
    assert not await post.sender("email").step()
    assert (await states(post.pool), post.mails.mails) == (["planned"], [])
    post.clock.advance(timedelta(minutes=59))
    assert await post.sender("email").step()
    assert (await states(post.pool), len(post.mails.mails)) == (["sent"], 1)


async def test_an_ask_whose_morning_comes_too_late_is_given_up(post: Post) -> None:
    post.use("email", "  useful_for: 12h\n")
    await post.plan()
    post.hours("08:00", "12:00")
    await post.sender("email").step()
    assert (await states(post.pool), await events(post.pool)) == (["failed"], ["failed"])
    assert await failures(post.pool) == {("email", "quiet_hours_expired"): 1}


@pytest.mark.parametrize(
    ("happened", "reason", "told"),
    [
        pytest.param(
            "insert into signals (source, source_event_id, signal, customer_id, occurred_at,"
            " correlation, heard_at)"
            " values ('shop', 'x', 'order.returned', 'kim', '2026-03-02 12:00Z', 'o-1', now())",
            "cancelled",
            "cancelled",
            id="it came back",
        ),
        pytest.param(
            "insert into cases values ('case', 'kim', 1, true)", "open_case", "failed", id="a case"
        ),
    ],
)
async def test_an_ask_that_is_tried_again_is_judged_again(
    post: Post, happened: str, reason: str, told: str
) -> None:
    post.use("email", "  cancel_on: [order.returned]\n")
    await post.plan(about="o-1")
    post.mails.answer_next("451 later")
    await post.sender("email").step()
    async with post.pool.transaction() as connection:
        await connection.execute(happened)
    post.clock.advance(timedelta(minutes=1))
    await post.sender("email").step()
    assert (await states(post.pool), post.mails.mails) == (["failed"], [])
    assert await failures(post.pool) == {("email", reason): 1}
    assert await events(post.pool) == [told]


async def test_a_provider_that_asks_for_years_holds_no_budget_for_years(post: Post) -> None:
    post.use("sms", "  useful_for: 72h\n")
    await post.plan()
    post.hook.answer_next(Answer(503, headers={"Retry-After": "99999999"}))
    await post.sender("sms").step()
    post.clock.advance(timedelta(hours=72, seconds=1))
    assert await post.sender("sms").step()
    assert (await states(post.pool), len(post.hook.calls)) == (["failed"], 1)


async def report(post: Post, outcome: str, key: str = "k") -> int:
    """Tell what became of the only ask."""
    door = Door(post.pool, TOKENS, post.clock)
    app = Starlette(routes=DeliveryApi(door, post.outbound()).routes())
    headers = {"Authorization": "Bearer all", "Idempotency-Key": key}
    said: Mapping[str, str] = {
        "invitation_id": await post.invitation(),
        "outcome": outcome,
        "at": START.isoformat(),
    }
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ask") as client:
        answer = await client.post("/v1/deliveries", json=said, headers=headers)
    return answer.status_code


async def test_a_bounce_ends_the_address_and_gives_the_budget_back(post: Post) -> None:
    post.use("email")
    await post.plan()
    await post.sender("email").step()
    assert [await report(post, "hard_bounce", key) for key in ("1", "2")] == [202, 202]
    assert (await states(post.pool), await events(post.pool)) == (["failed"], ["sent", "failed"])
    async with post.pool.connection() as connection:
        assert (await contacts.cards(connection, ["kim"]))["kim"].email is None
        assert (await lives.load(connection, ["kim"], START))["kim"].history.last_contact is None
    assert await failures(post.pool) == {("email", "bounced"): 1}


async def test_a_bounce_while_it_is_still_useful_goes_to_the_next_channel(post: Post) -> None:
    post.use("email, sms")
    await post.plan()
    await post.sender("email").step()
    await report(post, "hard_bounce")
    assert await post.sender("sms").step()
    assert (await states(post.pool), len(post.hook.calls)) == (["sent"], 1)


async def test_an_address_that_bounced_is_not_used_when_it_comes_again_and_a_new_one_is(
    post: Post,
) -> None:
    post.use("email")
    await post.plan()
    await post.sender("email").step()
    await report(post, "hard_bounce")
    for address, state in (("kim@example.com", "failed"), ("new@example.com", "sent")):
        async with post.pool.transaction() as connection:
            await connection.execute("delete from deliveries")
            await connection.execute("delete from invitations")
            await connection.execute("delete from decisions")
            await connection.execute("delete from signals")
            again = a_profile(PII.encrypt(address), "kim", START + timedelta(days=1))
            await contacts.save_profiles(connection, [again])
        decider = Decider(post.current, Links(KEYS), URL, decision_delay(CollectorRegistry()))
        await tell(post.pool, decider, a_signal("again", customer="kim"))
        await post.sender("email").step()
        assert await states(post.pool) == [state]


async def use_address(post: Post, address: str, day: int) -> None:
    """The card says another address from that day on."""
    card = a_profile(PII.encrypt(address), "kim", START + timedelta(days=day))
    async with post.pool.transaction() as connection:
        await contacts.save_profiles(connection, [card])


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        pytest.param([], None, id="no other came"),
        pytest.param(["new@example.com"], "new@example.com", id="a newer one came"),
        pytest.param(["kim@example.com"], None, id="the same one came again"),
        pytest.param(["new@example.com", "kim@example.com"], None, id="a newer one, and it again"),
    ],
)
async def test_a_late_bounce_ends_the_address_that_bounced_and_no_newer_one(
    post: Post, meanwhile: list[str], left: str | None
) -> None:
    post.use("email")
    await post.plan()
    await post.sender("email").step()
    for day, address in enumerate(meanwhile, 1):
        await use_address(post, address, day)
    await report(post, "hard_bounce")
    async with post.pool.connection() as connection:
        token = (await contacts.cards(connection, ["kim"]))["kim"].email
        _, bounced = await contacts.address(connection, "kim", "email")
        assert await connection.fetchval("select sent_to from invitations") is not None
    assert (PII.decrypt(token) if token else None) == left
    assert left is None or PII.decrypt(bounced or "") == "kim@example.com"


async def test_a_bounce_whose_key_is_gone_ends_no_address_and_stops_no_mail(post: Post) -> None:
    post.use("email")
    await post.plan()
    await post.sender("email").step()
    async with post.pool.transaction() as connection:
        foreign = Pii(["another key" * 3]).encrypt("kim@example.com")
        await connection.execute("update invitations set sent_to = $1", foreign)
    await report(post, "hard_bounce")
    async with post.pool.transaction() as connection:
        assert (await contacts.cards(connection, ["kim"]))["kim"].email is not None
        for table in ("deliveries", "invitations", "decisions"):
            await connection.execute(f"delete from {table}")  # noqa: S608  (tables of ours)
    await tell(post.pool, post.desk(), a_signal("again", customer="kim"))
    await post.sender("email").step()
    assert await states(post.pool) == ["sent"]


async def test_a_complaint_is_a_wish_to_be_left_alone(post: Post) -> None:
    post.use("email")
    await post.plan()
    await post.sender("email").step()
    await report(post, "complaint")
    async with post.pool.connection() as connection:
        assert (await contacts.opt_outs(connection, ["kim"]))["kim"] == frozenset({None})
        said = await connection.fetchval(
            "select count(*) from outbox where type = 'touchback.opt-out.recorded.v1'"
        )
    assert (await states(post.pool), said) == (["sent"], 1)
