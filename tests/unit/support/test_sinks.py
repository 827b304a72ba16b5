"""The sinks record what arrives and refuse when told."""

from __future__ import annotations

import asyncio
import time
from email.message import EmailMessage

import aiohttp
import aiosmtplib
import pytest

from tests.support.sinks import Answer, MailSink, WebhookSink
from tests.support.wait import eventually


def mail(text: str = "How easy was it?") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "care@shop.test"
    message["To"] = "ana@home.test"
    message["Subject"] = "Ihre erste Rechnung – 您好"
    message.set_content(text)
    return message


async def send(sink: MailSink) -> None:
    await aiosmtplib.send(mail(), hostname="127.0.0.1", port=sink.port)


async def test_a_mail_is_recorded_as_its_reader_would_see_it(mail_sink: MailSink) -> None:
    await send(mail_sink)

    received = mail_sink.mails[0]
    assert received.sender == "care@shop.test"
    assert received.recipients == ("ana@home.test",)
    assert received.message["Subject"] == "Ihre erste Rechnung – 您好"
    assert received.text.strip() == "How easy was it?"
    assert received.arrived_at <= time.monotonic()


async def test_refused_mails_are_counted_and_the_next_one_is_taken(mail_sink: MailSink) -> None:
    mail_sink.answer_next("451 try later", "554 no such user")

    for code in (451, 554):
        with pytest.raises(aiosmtplib.SMTPDataError) as refusal:
            await send(mail_sink)
        assert refusal.value.code == code
    await send(mail_sink)

    assert (mail_sink.refused, len(mail_sink.mails)) == (2, 1)


async def test_a_mail_sink_can_refuse_everything(mail_sink: MailSink) -> None:
    mail_sink.answer_always("451 try later")

    for _ in range(2):
        with pytest.raises(aiosmtplib.SMTPDataError):
            await send(mail_sink)
    assert not mail_sink.mails


async def test_a_call_is_recorded_with_path_headers_and_body(webhook_sink: WebhookSink) -> None:
    async with aiohttp.ClientSession() as client:
        headers = {"webhook-id": "alert-1"}
        await client.post(webhook_sink.url("/teams/care?x=1"), data=b"{}", headers=headers)

    call = webhook_sink.calls[0]
    assert (call.method, call.path, call.body) == ("POST", "/teams/care?x=1", b"{}")
    assert call.headers["Webhook-Id"] == "alert-1"


async def test_answers_come_in_order_and_then_the_usual_one(webhook_sink: WebhookSink) -> None:
    webhook_sink.answer_next(503, Answer(429, headers={"Retry-After": "7"}))
    webhook_sink.answer_always(202)

    async with aiohttp.ClientSession() as client:
        replies = [await client.post(webhook_sink.url()) for _ in range(4)]

    assert [reply.status for reply in replies] == [503, 429, 202, 202]
    assert replies[1].headers["Retry-After"] == "7"
    assert len(webhook_sink.calls) == 4


async def test_a_delayed_answer_lets_the_caller_time_out(webhook_sink: WebhookSink) -> None:
    webhook_sink.answer_next(Answer(delay=30))
    impatient = aiohttp.ClientTimeout(total=0.2)

    async with aiohttp.ClientSession(timeout=impatient) as client:
        with pytest.raises(asyncio.TimeoutError):
            await client.post(webhook_sink.url())

    assert len(webhook_sink.calls) == 1


async def test_a_call_that_still_waits_does_not_hold_up_the_end() -> None:
    async with aiohttp.ClientSession() as client:
        began = time.monotonic()
        async with WebhookSink() as sink:
            sink.answer_always(Answer(delay=30))
            waiting = asyncio.create_task(client.post(sink.url()))
            await eventually(lambda: sink.calls, within=5)
        assert time.monotonic() - began < 5
        await asyncio.gather(waiting, return_exceptions=True)
