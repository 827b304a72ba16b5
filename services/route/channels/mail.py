"""Alerts to people: a short mail that says who must do what until when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.route import decide
from services.route.channels.card import card
from services.route.channels.links import ActionLinks
from services.route.channels.words import say
from services.route.model import Accepted, Letter, Refused, Result
from shared import smtp

TIMEOUT = 10.0
CONNECTIONS = 8
IDLE = 20.0
"""Seconds an open connection is kept for the next mail: below what mail servers allow."""

_ITSELF = (
    aiosmtplib.SMTPAuthenticationError,
    aiosmtplib.SMTPConnectResponseError,
    aiosmtplib.SMTPHeloError,
)
"""The mail server refuses us, not the mail: whatever its code, an operator can put that right."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class MailSender:
    """Sends alerts through one mail server, over connections that are used again."""

    def __init__(
        self,
        url: str,
        sender: str,
        monotonic: Callable[[], float],
        links: ActionLinks | None = None,
    ) -> None:
        self._url = url
        self._sender = sender
        self._domain = parseaddr(sender)[1].rpartition("@")[2]
        self._monotonic = monotonic
        self._links = links
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Send once to the channel's address."""
        message = compose(letter, now, self._sender, self._domain, self._links)
        try:
            async with self._free:
                await self._send(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return Refused(decide.judge_smtp(error.recipients[0].code))
        except _ITSELF:
            return Refused("smtp_temporary")
        except aiosmtplib.SMTPResponseException as error:
            return Refused(decide.judge_smtp(error.code))
        except (aiosmtplib.SMTPTimeoutError, TimeoutError):
            return Refused("timeout")
        except (aiosmtplib.SMTPException, OSError):
            return Refused("network")
        return Accepted()

    async def close(self) -> None:
        """Close connections that wait for a next mail."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _send(self, message: EmailMessage) -> None:
        client = self._kept() or await self._connected()
        try:
            await client.send_message(message)
        except BaseException:
            # Perhaps half a conversation: nothing more can be said over this connection.
            client.close()
            raise
        self._idle.append((self._monotonic(), client))

    def _kept(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            since, client = self._idle.pop()
            if client.is_connected and self._monotonic() - since < IDLE:
                return client
            client.close()
        return None

    async def _connected(self) -> aiosmtplib.SMTP:
        client = smtp.client(self._url, self._domain, TIMEOUT)
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client


def compose(
    letter: Letter, now: datetime, sender: str, domain: str, links: ActionLinks | None = None
) -> EmailMessage:
    """Write the mail; its Message-ID is the alert's, so that repeats are known as such."""
    shown = card(letter, now)
    score = letter.notice.score
    about = {
        "card": shown,
        "links": links.of(letter) if links else (),
        "language": letter.team.language,
        "scale": score and say(letter.team.language, "scale", scale=score.scale),
    }
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.channel.address
    message["Subject"] = shown.subject
    message["Date"] = now
    message["Message-ID"] = f"<{letter.delivery.alert_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEMPLATES.get_template("alert.txt").render(about))
    message.add_alternative(_TEMPLATES.get_template("alert.html").render(about), subtype="html")
    return message
