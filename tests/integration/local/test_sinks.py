"""The demo's mail and webhook server take what the services send."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import aiohttp
import aiosmtplib
import pytest
from standardwebhooks.webhooks import Webhook

from services.local.child import claim_port
from services.local.place import Ports
from services.local.sinks import Sinks

SECRET = "whsec_" + "c2VjcmV0" * 4


class Arrivals:
    """What reached the demo."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []
        self.hooks: list[tuple[str, dict[str, Any]]] = []

    async def mail(self, recipient: str, message: EmailMessage) -> None:
        self.mails.append((recipient, message["subject"]))

    async def hook(self, team: str, body: dict[str, Any]) -> None:
        self.hooks.append((team, body))


@pytest.fixture
def ports() -> Ports:
    return Ports(mail=claim_port("mail", 0), hooks=claim_port("hooks", 0))


async def test_a_mail_arrives_for_each_recipient(ports: Ports) -> None:
    arrived = Arrivals()
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "us@x.example",
        "王@x.example",
        "How was it?",
    )
    message.set_content("https://x.example/s/1")
    async with Sinks(ports, {}, arrived.mail, arrived.hook):
        await aiosmtplib.send(
            message,
            recipients=["王@x.example", "b@x.example"],
            hostname="127.0.0.1",
            port=ports.mail,
        )
    assert arrived.mails == [("王@x.example", "How was it?"), ("b@x.example", "How was it?")]


@pytest.mark.parametrize(
    ("secret", "status"),
    [
        pytest.param(SECRET, 204, id="signed with the team's secret"),
        pytest.param("whsec_" + "b3RoZXJz" * 4, 401, id="signed with another"),
    ],
)
async def test_a_webhook_counts_when_its_signature_is_right(
    ports: Ports, secret: str, status: int
) -> None:
    arrived = Arrivals()
    now, body = datetime.now(UTC), '{"score": 1}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", now, body),
    }
    async with (
        Sinks(ports, {"billing-care": SECRET}, arrived.mail, arrived.hook),
        aiohttp.ClientSession() as client,
    ):
        url = f"http://127.0.0.1:{ports.hooks}/hooks/billing-care"
        async with client.post(url, data=body, headers=headers) as response:
            assert response.status == status
    assert arrived.hooks == ([("billing-care", {"score": 1})] if status == 204 else [])


async def test_the_sinks_say_that_they_are_ready(ports: Ports) -> None:
    arrived = Arrivals()
    async with (
        Sinks(ports, {}, arrived.mail, arrived.hook),
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{ports.hooks}/health/ready") as response,
    ):
        assert response.status == 200
