"""The long tail of channels: over Apprise itself, never into the own network."""

from __future__ import annotations

import json
import socket

import pytest

from services.route.channels import long_tail
from services.route.model import Accepted, Refused
from shared.catalog import Channel
from tests.support.sinks import Answer, MailSink, WebhookSink
from tests.unit.route.catalogs import AT
from tests.unit.route.letters import letter

pytestmark = [
    pytest.mark.skipif(long_tail.LIBRARY is None, reason="install touchback[apprise]"),
    # Its plugins import what Python is about to give up, when the first one is asked for.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
LETTER = letter(Channel(channel="tail", kind="apprise", secret="url"))
LOOPBACK = ("127.0.0.0/8", "::1/128")


def _sender(url: str, *allowed: str) -> long_tail.AppriseSender:
    return long_tail.AppriseSender({"url": url}, allowed)


async def test_it_notifies_what_webhooks_may_reach(webhook_sink: WebhookSink) -> None:
    sender = _sender(f"json://127.0.0.1:{webhook_sink.port}/x", *LOOPBACK)

    assert await sender.send(LETTER, AT) == Accepted()

    (call,) = webhook_sink.calls
    assert "Never again." in json.loads(call.body)["message"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("scheme", ["json", "xml", "form"])
async def test_it_does_not_reach_an_inner_address(
    webhook_sink: WebhookSink, scheme: str, host: str
) -> None:
    sender = _sender(f"{scheme}://{host}:{webhook_sink.port}/x", "10.0.0.0/8")

    assert await sender.send(LETTER, AT) == Refused("address_refused")
    assert webhook_sink.calls == []


async def test_it_does_not_follow_a_receiver_to_an_inner_address(
    webhook_sink: WebhookSink,
) -> None:
    async with WebhookSink() as inner:
        away = f"http://127.0.0.2:{inner.port}/x"
        webhook_sink.answer_always(Answer(307, headers={"location": away}))
        sender = _sender(f"json://127.0.0.1:{webhook_sink.port}/x", "127.0.0.1/32")

        assert isinstance(await sender.send(LETTER, AT), Refused)
        assert inner.calls == []


# The library leaves the socket of a datagram that was refused to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_mail_servers_and_datagrams_are_watched_too(mail_sink: MailSink) -> None:
    mail = f"mailto://a:b@127.0.0.1:{mail_sink.port}/?from=a@b.test&to=c@d.test&mode=insecure"
    for url in (mail, "rsyslog://127.0.0.1"):
        assert await _sender(url).send(LETTER, AT) == Refused("address_refused")
    assert mail_sink.mails == []


async def test_nobody_else_is_watched(webhook_sink: WebhookSink) -> None:
    await _sender("json://127.0.0.1:1/x").send(LETTER, AT)

    with socket.create_connection(("127.0.0.1", webhook_sink.port)):
        pass


@pytest.mark.parametrize("status", [404, 429, 503])
async def test_whatever_a_receiver_says_no_with_is_tried_again(
    webhook_sink: WebhookSink, status: int
) -> None:
    webhook_sink.answer_always(status)
    sender = _sender(f"json://127.0.0.1:{webhook_sink.port}/x", *LOOPBACK)

    assert await sender.send(LETTER, AT) == Refused("network")
