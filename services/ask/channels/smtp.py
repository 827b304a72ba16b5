"""SMTP over one connection that is kept, with an exact word for what became of each mail."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Any

import aiosmtplib

from services.ask.letters import Accepted, Ambiguous, Deferred, Outcome, Rejected
from shared import smtp

CONNECT = 10.0
ENVELOPE = 10.0
DATA = 20.0
"""Seconds; together less than the minute after which a loop counts as dead."""

AWAY = (aiosmtplib.SMTPException, OSError, TimeoutError)
LONGEST_LINE = 998
"""Characters of a line, as RFC 5322 allows."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server waits for the text of this mail."""

    mailer: Mailer
    client: aiosmtplib.SMTP
    content: bytes

    async def hand_over(self) -> Outcome:
        """Hand over the mail; raises nothing, for nobody else knows what became of it."""
        try:
            async with asyncio.timeout(DATA):
                await self.client.data(self.content)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error, "mail_refused")
        except Exception as error:  # noqa: BLE001  (whatever broke, some of the mail may be out)
            await self.mailer.close()
            return Ambiguous(_said(error))
        return Accepted()


class Mailer:
    """Sends one mail at a time. `url` is smtp://, smtp+starttls:// or smtps://."""

    def __init__(self, url: str, sender: str) -> None:
        self._sender = sender
        self._url = url
        self._client: aiosmtplib.SMTP | None = None

    async def prepare(self, message: EmailMessage, recipient: str) -> Ready | Deferred | Rejected:
        """Do all that may be broken off: until it is handed over, nothing of a mail is out."""
        content = written(message, international=not recipient.isascii())
        try:
            async with asyncio.timeout(CONNECT):
                client = await self._connected()
        except AWAY as error:
            await self.close()
            return Deferred(_said(error))
        refused = await self._address(client, recipient)
        return refused or Ready(self, client, content)

    async def close(self) -> None:
        """Leave; what the server says to that does not matter."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            async with asyncio.timeout(1.0):
                await client.quit()
        except AWAY:
            client.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None:
            # A server that left while we were idle shows here, before there is anything to lose.
            try:
                await self._client.rset()
            except AWAY:
                await self.close()
        if self._client is None:
            client = smtp.client(self._url, self._sender.rpartition("@")[2], CONNECT)
            await client.connect()
            self._client = client
        return self._client

    async def _address(self, client: aiosmtplib.SMTP, recipient: str) -> Deferred | Rejected | None:
        international: dict[str, Any] = {"options": ["SMTPUTF8"], "encoding": "utf-8"}
        how = {} if recipient.isascii() else international
        try:
            async with asyncio.timeout(ENVELOPE):
                await client.mail(self._sender, **how)
                await client.rcpt(recipient, encoding=how.get("encoding", "ascii"))
        except aiosmtplib.SMTPRecipientRefused as error:
            return _refused(error, "address_refused")
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error, "mail_refused")
        except AWAY as error:
            await self.close()
            return Deferred(_said(error))
        return None


class _Whole(EmailPolicy):
    """Leaves headers of plain characters in one line.

    Folded, a long link turns into encoded words, which no mail program takes for a link in
    List-Unsubscribe; and a subject that begins on the second line is read with a space before it.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Return the header as it goes out."""
        line = f"{name}: {value}"
        if line.isascii() and line.isprintable() and len(line) <= LONGEST_LINE:
            return (line + self.linesep).encode()
        return super().fold_binary(name, value)


def written(message: EmailMessage, *, international: bool = False) -> bytes:
    """Return a mail as it goes over the wire."""
    return message.as_bytes(policy=_Whole(linesep="\r\n", utf8=international))


def _refused(error: aiosmtplib.SMTPResponseException, reason: str) -> Deferred | Rejected:
    if error.code >= 500:
        return Rejected(reason, f"{error.code}")
    return Deferred(f"{error.code}")


def _said(error: BaseException) -> str:
    # Only the kind: what servers say may hold the address.
    return type(error).__name__
