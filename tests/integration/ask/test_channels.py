"""Asks over several channels, their rates, and notices ahead of a complaint."""

from __future__ import annotations

import json
from datetime import timedelta

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook

from services.ask import lives, sends
from services.ask.handlers import Desk as Decider
from services.ask.metrics import decision_delay
from services.ask.sweep import LEASE
from shared.links import Links
from shared.outbound import Poster
from tests.integration.ask.ground import (
    KEYS,
    PII,
    SECRET,
    URL,
    Post,
    events,
    failures,
    states,
    tell,
)
from tests.support.clock import START
from tests.support.sinks import Answer
from tests.unit.ask.moments import a_profile, a_signal, an_opt_out


async def test_a_text_message_leaves_as_a_signed_call_with_the_id_of_its_ask(post: Post) -> None:
    post.use("sms")
    await post.plan()
    assert await post.sender("sms").step()
    (call,) = post.hook.calls
    body = json.loads(call.body)
    id = await post.invitation()
    signature = Webhook(SECRET.encode()).sign(id, START, call.body.decode())
    assert call.headers["webhook-signature"] == signature
    assert call.headers["webhook-id"] == call.headers["idempotency-key"] == id
    assert (body["to"], body["type"]) == ("+4915112345678", "touchback.ask.v1")
    assert body["survey_url"] in body["text"]
    assert body["stop_url"] in body["text"]
    assert (await states(post.pool), await events(post.pool)) == (["sent"], ["sent"])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(503, id="an error of theirs"),
        pytest.param(429, id="too many"),
    ],
)
async def test_a_provider_that_cannot_now_is_called_again_with_the_same_id(
    post: Post, answer: int
) -> None:
    post.use("sms")
    await post.plan()
    post.hook.answer_next(Answer(answer, headers={"Retry-After": "120"}))
    await post.sender("sms").step()
    post.clock.advance(timedelta(seconds=119))
    assert not await post.sender("sms").step(), "it asked for two minutes"
    post.clock.advance(timedelta(seconds=1))
    assert await post.sender("sms").step()
    ids = {call.headers["webhook-id"] for call in post.hook.calls}
    assert (len(post.hook.calls), len(ids)) == (2, 1)
    assert await states(post.pool) == ["sent"]


async def test_a_provider_that_hangs_is_called_again_since_it_knows_a_repeat(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.outbound.TIMEOUT", aiohttp.ClientTimeout(total=0.3))
    post.use("sms")
    await post.plan()
    post.hook.answer_next(Answer(200, delay=5))
    await post.sender("sms").step()
    assert await states(post.pool) == ["planned"]
    post.clock.advance(timedelta(minutes=1))
    await post.sender("sms").step()
    assert await states(post.pool) == ["sent"]


async def test_a_sender_that_died_is_repeated_where_the_provider_knows_a_repeat(
    post: Post,
) -> None:
    post.use("sms")
    await post.plan()
    async with post.pool.transaction() as connection:
        assert await sends.claim(connection, "sms", START, START + LEASE)
    post.clock.advance(LEASE * 2)
    sender = post.sender("sms")
    await sender.expire()
    assert await states(post.pool) == ["planned"]
    assert await sender.step()
    assert (await states(post.pool), len(post.hook.calls)) == (["sent"], 1)


async def test_a_customer_without_an_address_for_the_first_channel_gets_the_second(
    post: Post,
) -> None:
    post.use("sms, email")
    await post.plan(phone=False)
    assert not await post.sender("sms").step()
    assert await post.sender("email").step()
    assert (len(post.mails.mails), post.hook.calls) == (1, [])


async def test_a_refused_number_goes_to_the_next_channel_and_counts_once(post: Post) -> None:
    post.use("sms, email")
    await post.plan()
    post.hook.answer_next(422)
    assert await post.sender("sms").step()
    assert await post.sender("email").step()
    assert (await states(post.pool), await events(post.pool)) == (["sent"], ["sent"])
    assert await failures(post.pool) == {("sms", "address_refused"): 1}
    assert len(post.mails.mails) == 1


async def test_a_channel_that_stays_away_gives_way_to_the_next(post: Post) -> None:
    post.use("sms, email")
    await post.plan()
    post.hook.answer_always(503)
    for _ in range(5):
        assert await post.sender("sms").step()
        post.clock.advance(timedelta(minutes=10))
    assert not await post.sender("sms").step()
    assert await post.sender("email").step()
    assert (await states(post.pool), len(post.mails.mails)) == (["sent"], 1)


async def test_a_call_into_the_own_network_fails_and_says_so(post: Post) -> None:
    post.use("sms")
    post.poster = Poster([])
    await post.plan()
    await post.sender("sms").step()
    await post.poster.close()
    assert await failures(post.pool) == {("sms", "channel_broken"): 1}
    assert post.hook.calls == []


async def test_over_the_topic_the_message_itself_is_the_ask(post: Post) -> None:
    post.use("kafka")
    await post.plan(phone=False)
    assert await post.sender("kafka").step()
    assert (await states(post.pool), await events(post.pool)) == (["sent"], ["sent"])


async def test_a_channel_takes_no_more_than_its_rate_over_all_replicas(post: Post) -> None:
    post.use("kafka", policy="  kafka: {per_minute: 2}\n")
    for name in ("a", "b", "c"):
        await post.plan(name)
    one, two = post.sender("kafka"), post.sender("kafka")
    assert [await one.step(), await two.step(), await one.step()] == [True, True, False]
    post.clock.advance(timedelta(seconds=29))
    assert not await two.step()
    post.clock.advance(timedelta(seconds=1))
    assert await two.step()


async def test_what_another_sender_spent_meanwhile_stops_an_ask(post: Post) -> None:
    post.use("kafka")
    await post.plan()
    async with post.pool.transaction() as connection:
        await sends.add_spend(connection, "kim", "newsletter", START)
    await post.sender("kafka").step()
    assert await failures(post.pool) == {("kafka", "cap_person"): 1}


async def test_wishes_are_heard_for_every_channel(post: Post) -> None:
    post.use("kafka")
    await post.plan()
    decider = Decider(post.current, Links(KEYS), URL, decision_delay(CollectorRegistry()))
    await tell(post.pool, decider, an_opt_out("kim"))
    await post.sender("kafka").step()
    assert await failures(post.pool) == {("kafka", "opted_out"): 1}


NOTICE = """\
- touchpoint: late-notice
  on: {signal: order.returned}
  act: notify
  notice:
    to: customer
    subject: {en: Your order is late, zh: 您的订单将延迟}
    text: {en: We are sorry. It leaves tomorrow., zh: 很抱歉，明天发出。}
  channels: [%s]
"""


@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_a_customer_is_told_ahead_of_a_complaint_and_that_spends_no_budget(
    post: Post, channel: str
) -> None:
    post.use("email", NOTICE % channel)
    decider = Decider(post.current, Links(KEYS), URL, decision_delay(CollectorRegistry()))
    card = a_profile(
        PII.encrypt("kim@example.com"), "kim", phone=PII.encrypt("+4915112345678"), locale="zh-CN"
    )
    signal = a_signal("late", customer="kim", name="order.returned")
    await tell(post.pool, decider, card, signal)
    assert await post.sender(channel).step()
    assert await events(post.pool) == [], "nobody else has to do with it"
    if channel == "email":
        (mail,) = post.mails.mails
        assert "您的订单将延迟" in mail.message["Subject"]
        assert "很抱歉" in mail.text
        assert mail.message["List-Unsubscribe"] is None
    else:
        body = json.loads(post.hook.calls[0].body)
        assert (body["type"], "survey_url" in body) == ("touchback.notice.v1", False)
        assert "很抱歉" in body["text"]
    async with post.pool.connection() as connection:
        history = (await lives.load(connection, ["kim"], START))["kim"].history
    assert (history.last_contact, history.pending) == (None, False)
