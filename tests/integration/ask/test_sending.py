"""Asks on their way out: sent once, tried again where nothing was handed over, else given up."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.ask import contacts, sends, store
from services.ask.channels.smtp import Mailer
from services.ask.handlers import Desk as Decider
from services.ask.metrics import decision_delay
from services.ask.sweep import LEASE
from shared import db, tallies
from shared.links import Links
from shared.pulse import Pulse
from shared.wake import Wake
from tests.integration.ask.ground import (
    KEYS,
    PII,
    URL,
    CountingSink,
    a_sender,
    events,
    failures,
    plan,
    states,
    tell,
)
from tests.support.clock import START, ManualClock
from tests.support.sinks import MailSink
from tests.support.wait import eventually
from tests.unit.ask.moments import a_catalog, a_profile, a_signal, hours


async def test_an_ask_is_sent_once_and_said_to_be(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    await plan(pool, "kim")
    sender = a_sender(pool, clock, mailer)
    assert [await sender.step(), await sender.step()] == [True, False]
    (mail,) = mail_sink.mails
    assert mail.recipients == ("kim@example.com",)
    assert f"{URL}/s/" in mail.text
    assert "kim" not in mail.text
    stop = mail.message["List-Unsubscribe"].strip("<>").removeprefix(f"{URL}/stop/")
    invitation_id = mail.message["Message-ID"].strip("<>").partition("@")[0]
    assert Links(KEYS).read("stop", stop) == invitation_id
    assert (await states(pool), await events(pool)) == (["sent"], ["sent"])
    async with pool.connection() as connection:
        assert (await tallies.read(connection))["invitations"] == {("delivered", "email"): 1}


async def test_one_connection_serves_many_mails(pool: db.Database, clock: ManualClock) -> None:
    await plan(pool, *(f"c{n}" for n in range(5)))
    async with CountingSink() as sink:
        mailer = Mailer(f"smtp://127.0.0.1:{sink.port}", "ask@shop.example")
        sender = a_sender(pool, clock, mailer)
        assert [await sender.step() for _ in range(6)] == [True] * 5 + [False]
        await mailer.close()
    recipients = sorted(mail.recipients[0] for mail in sink.mails)
    assert recipients == [f"c{n}@example.com" for n in range(5)]
    assert sink.connections == 1


async def test_a_connection_that_the_server_closed_while_idle_is_made_anew(
    pool: db.Database, clock: ManualClock
) -> None:
    await plan(pool, "first", "second")
    async with CountingSink() as sink:
        mailer = Mailer(f"smtp://127.0.0.1:{sink.port}", "ask@shop.example")
        sender = a_sender(pool, clock, mailer)
        await sender.step()
        assert mailer._client is not None
        mailer._client.close()
        await sender.step()
        await mailer.close()
    assert (await states(pool), sink.connections) == (["sent", "sent"], 2)


async def test_an_acceptance_that_comes_after_the_lease_is_still_the_truth(
    pool: db.Database, clock: ManualClock
) -> None:
    await plan(pool, "kim")
    async with CountingSink() as sink:
        mailer = Mailer(f"smtp://127.0.0.1:{sink.port}", "ask@shop.example")
        sender = a_sender(pool, clock, mailer)

        async def lose_the_lease() -> None:
            clock.advance(LEASE * 2)
            await sender.expire()
            assert await states(pool) == ["unknown"]

        sink.meanwhile = lose_the_lease
        await sender.step()
        await mailer.close()
    assert (await states(pool), await events(pool)) == (["sent"], ["sent"])


async def test_a_mail_on_its_way_is_finished_when_the_process_is_told_to_stop(
    pool: db.Database, clock: ManualClock
) -> None:
    await plan(pool, "kim")
    async with CountingSink() as sink:
        mailer = Mailer(f"smtp://127.0.0.1:{sink.port}", "ask@shop.example")
        sender = a_sender(pool, clock, mailer)
        running = asyncio.create_task(sender.run(Pulse("sender", lambda: 0.0)))

        async def stop() -> None:
            running.cancel()
            await asyncio.sleep(0)

        sink.meanwhile = stop
        await asyncio.wait({running}, timeout=20)
        assert running.cancelled()
    assert (await states(pool), await events(pool)) == (["sent"], ["sent"])


async def test_a_temporary_refusal_is_tried_again_later_and_sent_once(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    mail_sink.answer_next("451 try later")
    await plan(pool, "kim")
    sender = a_sender(pool, clock, mailer)
    assert await sender.step()
    assert (await states(pool), await events(pool)) == (["planned"], [])
    assert not await sender.step(), "not before its time"
    clock.advance(timedelta(seconds=1))
    assert await sender.step()
    assert (len(mail_sink.mails), mail_sink.refused) == (1, 1)
    assert (await states(pool), await events(pool)) == (["sent"], ["sent"])


async def test_a_final_refusal_fails_and_lets_the_customer_be_asked_again(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    mail_sink.answer_next("554 no")
    await plan(pool, "kim")
    await a_sender(pool, clock, mailer).step()
    assert (await states(pool), await events(pool)) == (["failed"], ["failed"])
    assert await failures(pool) == {("email", "mail_refused"): 1}
    async with pool.transaction() as connection:
        reason = await connection.fetchval("select body->>'failure' from invitations")
        assert reason == "mail_refused"
        await connection.execute("delete from decisions where outcome = 'silent'")
    decider = Decider(lambda: a_catalog(), Links(KEYS), URL, decision_delay(CollectorRegistry()))
    await tell(pool, decider, a_signal("again", customer="kim"))
    assert sorted(await states(pool)) == ["failed", "planned"]


async def test_a_server_that_is_away_costs_nothing_but_time(
    pool: db.Database, clock: ManualClock, mail_sink: MailSink
) -> None:
    port = mail_sink.port
    await plan(pool, "kim")
    closed = Mailer("smtp://127.0.0.1:1", "ask@shop.example")
    assert await a_sender(pool, clock, closed).step()
    assert await states(pool) == ["planned"]
    clock.advance(timedelta(seconds=1))
    back = Mailer(f"smtp://127.0.0.1:{port}", "ask@shop.example")
    assert await a_sender(pool, clock, back).step()
    await back.close()
    assert (await states(pool), len(mail_sink.mails)) == (["sent"], 1)


async def test_a_sender_that_died_in_between_leaves_an_ask_nobody_sends_again(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    await plan(pool, "kim")
    async with pool.transaction() as connection:
        dead = await sends.claim(connection, "email", START, START + LEASE)
    assert dead is not None
    sender = a_sender(pool, clock, mailer)
    clock.advance(LEASE)
    await sender.expire()
    assert await states(pool) == ["sending"], "the lease ends after this instant"
    clock.advance(timedelta(microseconds=1))
    await sender.expire()
    await sender.expire()
    assert await states(pool) == ["unknown"]
    clock.advance(hours(1))
    assert not await sender.step()
    assert mail_sink.mails == []
    assert await failures(pool) == {("email", "unknown"): 1}


async def test_an_ask_nobody_knows_about_still_counts_as_contact(
    pool: db.Database, clock: ManualClock, mailer: Mailer
) -> None:
    await plan(pool, "kim")
    async with pool.transaction() as connection:
        await sends.claim(connection, "email", START, START + LEASE)
    clock.advance(LEASE * 2)
    await a_sender(pool, clock, mailer).expire()
    decider = Decider(lambda: a_catalog(), Links(KEYS), URL, decision_delay(CollectorRegistry()))
    await tell(pool, decider, a_signal("again", customer="kim"))
    async with pool.connection() as connection:
        found = await store.decisions_of(connection, "kim", None, 10)
    assert sorted(str(each.silence) for each in found) == ["None", "cap_person"]


async def test_a_connection_that_breaks_during_the_mail_leaves_it_unknown(
    pool: db.Database, clock: ManualClock
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in (b"220 hi", b"250 hi", b"250 ok", b"250 ok", b"354 go on"):
            writer.write(reply + b"\r\n")
            await reader.readline()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        await plan(pool, "kim")
        port = server.sockets[0].getsockname()[1]
        sender = a_sender(pool, clock, Mailer(f"smtp://127.0.0.1:{port}", "ask@shop.example"))
        assert await sender.step()
        assert (await states(pool), await events(pool)) == (["unknown"], [])
        assert not await sender.step()


async def test_what_became_stale_while_waiting_is_not_sent(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    await plan(pool, "kim", "lee")
    sender = a_sender(pool, clock, mailer)
    clock.advance(hours(72))
    await sender.step()
    clock.advance(timedelta(microseconds=1))
    await sender.step()
    assert sorted(await states(pool)) == ["failed", "sent"]
    assert await failures(pool) == {("email", "stale_event"): 1}
    assert len(mail_sink.mails) == 1


async def test_consent_withdrawn_after_the_decision_counts(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    await plan(pool, "kim")
    async with pool.transaction() as connection:
        later = a_profile(PII.encrypt("x@example.com"), "kim", START + hours(1), consent="refused")
        await contacts.save_profiles(connection, [later])
    await a_sender(pool, clock, mailer).step()
    assert (await failures(pool), mail_sink.mails) == ({("email", "no_consent"): 1}, [])


@pytest.mark.parametrize(
    "email",
    [
        pytest.param("not an address", id="no address"),
        pytest.param("a@b.example\r\nRCPT TO:<{}@evil.example>", id="a command inside"),
    ],
)
async def test_what_is_no_address_fails_and_stops_nothing_else(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink, email: str
) -> None:
    await plan(pool, "bad", email=email)
    await plan(pool, "kim")
    sender = a_sender(pool, clock, mailer)
    assert [await sender.step(), await sender.step()] == [True, True]
    assert await states(pool) == ["failed", "sent"]
    assert await failures(pool) == {("email", "no_address"): 1}
    assert len(mail_sink.mails) == 1


async def test_two_senders_side_by_side_send_each_ask_once(
    pool: db.Database, clock: ManualClock, mail_sink: MailSink
) -> None:
    await plan(pool, *(f"c{n}" for n in range(12)))

    async def drain() -> None:
        mailer = Mailer(f"smtp://127.0.0.1:{mail_sink.port}", "ask@shop.example")
        sender = a_sender(pool, clock, mailer)
        while await sender.step():
            pass
        await mailer.close()

    await asyncio.gather(drain(), drain())
    recipients = [mail.recipients[0] for mail in mail_sink.mails]
    assert len(recipients) == len(set(recipients)) == 12


async def test_a_claim_never_waits_for_another_one(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    await plan(pool, "c1", "c2")
    async with pool.transaction() as connection:
        await sends.claim(connection, "email", START, START + LEASE)
        async with asyncio.timeout(10):
            assert await a_sender(pool, clock, mailer).step()
    assert sorted(await states(pool)) == ["sending", "sent"]


async def test_a_planned_ask_wakes_the_sender_at_once(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    wake = Wake(pool)
    sender = a_sender(pool, clock, mailer, wake)
    listening = asyncio.create_task(wake.run())
    running = asyncio.create_task(sender.run(Pulse("sender", lambda: 0.0)))
    try:
        await plan(pool, "first")
        await eventually(lambda: len(mail_sink.mails) == 1, within=10)
        await plan(pool, "second")
        # Well under the poll of 5 s: only the notification can have done it.
        await eventually(lambda: len(mail_sink.mails) == 2, within=3)
    finally:
        for task in (running, listening):
            task.cancel()
        await asyncio.gather(running, listening, return_exceptions=True)
    assert await states(pool) == ["sent", "sent"]
