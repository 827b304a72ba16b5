"""Asks over several channels, reminders, rates, and what providers report afterwards."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta

import aiohttp
import httpx
import pytest
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook
from starlette.applications import Starlette

from services.ask import contacts, lives, sends
from services.ask.app import MIGRATIONS
from services.ask.channels.hook import HookChannel
from services.ask.channels.mail import Composer, MailChannel
from services.ask.channels.smtp import Mailer
from services.ask.channels.topic import TopicChannel
from services.ask.handlers import Desk as Decider
from services.ask.http.deliveries import DeliveryApi
from services.ask.http.once import Door
from services.ask.metrics import decision_delay
from services.ask.outbound import Outbound
from services.ask.sweep import LEASE, Sender
from shared import db, migrate
from shared.catalog.catalog import Catalog
from shared.links import Links
from shared.outbound import Poster
from shared.wake import Wake
from tests.integration.ask.test_sending import KEYS, PII, URL, events, failures, states, tell
from tests.support.clock import START, ManualClock
from tests.support.sinks import Answer, MailSink, WebhookSink
from tests.unit.ask.moments import FILES, a_catalog, a_profile, a_signal, an_opt_out

SECRET = "s" * 32
TOKENS = {"all": ("deliveries:write",)}
TOUCHPOINT = """\
- touchpoint: delivered
  stage: use
  on: {signal: order.delivered}
  survey: delivery
  channels: [%s]
"""


@dataclass
class Post:
    """Everything that sends, against real servers."""

    pool: db.Database
    clock: ManualClock
    mails: MailSink
    hook: WebhookSink
    mailer: Mailer
    poster: Poster
    catalog: Catalog | None = None

    def use(self, channels: str, more: str = "", policy: str = "") -> None:
        """Ask about deliveries over these channels."""
        url = self.hook.url("/sms")
        outlets = f"channels:\n  sms: {{url: {url}, secret: sms}}\n"
        files = {
            "touchpoints.yaml": TOUCHPOINT % channels + more,
            "policy.yaml": FILES["policy.yaml"] + outlets + policy,
        }
        self.catalog = a_catalog(files)

    def hours(self, start: str, end: str) -> None:
        """Write to customers at these hours only."""
        assert self.catalog is not None
        window = self.catalog.policy.send_window.model_copy(
            update={"start": time.fromisoformat(start), "end": time.fromisoformat(end)}
        )
        policy = self.catalog.policy.model_copy(update={"send_window": window})
        self.catalog = self.catalog.model_copy(update={"policy": policy})

    def current(self) -> Catalog:
        assert self.catalog is not None
        return self.catalog

    def sender(self, channel: str) -> Sender:
        """The loop of one channel."""
        hooks = {
            name: HookChannel(
                lambda name=name: self.current().policy.channels.outlet(name),  # type: ignore[misc]
                {"sms": SECRET},
                self.poster,
            )
            for name in ("sms", "webhook")
        }
        mails = MailChannel(Composer("ask@shop.example"), self.mailer)
        every = {"email": mails, "kafka": TopicChannel(), **hooks}
        outbound = Outbound(self.current, Links(KEYS), PII, every, URL)
        return Sender(self.pool, self.clock, Wake(self.pool), outbound, channel)

    async def plan(
        self, customer: str = "kim", *, phone: bool = True, about: str | None = None
    ) -> None:
        """Decide to ask."""
        decider = Decider(self.current, Links(KEYS), URL, decision_delay(CollectorRegistry()))
        number = PII.encrypt("+4915112345678") if phone else None
        card = a_profile(PII.encrypt(f"{customer}@example.com"), customer, phone=number)
        event = a_signal(customer, customer=customer, correlation=about)
        await tell(self.pool, decider, card, event)

    async def invitation(self) -> str:
        """The id of the only ask."""
        async with self.pool.connection() as connection:
            return str(await connection.fetchval("select invitation_id from invitations"))

    async def reminder(self) -> str | None:
        """The state of the reminder of the only ask."""
        async with self.pool.connection() as connection:
            found: str | None = await connection.fetchval("select reminder from invitations")
        return found


@pytest.fixture
async def post(database: str, clock: ManualClock, mail_sink: MailSink) -> AsyncIterator[Post]:
    await migrate.apply(database, "ask", MIGRATIONS)
    pool = db.Database(database, "ask")
    await pool.open()
    mailer = Mailer(f"smtp://127.0.0.1:{mail_sink.port}", "ask@shop.example")
    poster = Poster(["127.0.0.0/8"])
    async with WebhookSink() as hook:
        yield Post(pool, clock, mail_sink, hook, mailer, poster)
        await poster.close()
    await mailer.close()
    await pool.close()


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
    ("happened", "reason"),
    [
        pytest.param(
            "insert into signals (source, source_event_id, signal, customer_id, occurred_at,"
            " correlation, heard_at)"
            " values ('shop', 'x', 'order.returned', 'kim', '2026-03-02 12:00Z', 'o-1', now())",
            "cancelled",
            id="it came back",
        ),
        pytest.param("insert into cases values ('case', 'kim', 1, true)", "open_case", id="a case"),
    ],
)
async def test_an_ask_that_is_tried_again_is_judged_again(
    post: Post, happened: str, reason: str
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
    app = Starlette(routes=DeliveryApi(door, post.current).routes())
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
