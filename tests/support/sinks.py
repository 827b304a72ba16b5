"""Where mails and webhooks of the tests arrive: real servers that record, and refuse when told."""

from __future__ import annotations

import asyncio
import email
import email.policy
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.processes import LOOPBACK


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One mail that the sink accepted."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    arrived_at: float
    """On the monotonic clock."""

    @property
    def text(self) -> str:
        """The plain part."""
        part = self.message.get_body(("plain",))
        return "" if part is None else str(part.get_content())


class MailSink:
    """An SMTP server on a free port. `async with MailSink() as mails: …`"""

    def __init__(self) -> None:
        self.mails: list[ReceivedMail] = []
        self.refused = 0
        self._next: deque[str] = deque()
        self._always = "250 OK"

    def answer_next(self, *replies: str) -> None:
        """Replies to the next mails, such as "451 try later" or "554 no such user", in order."""
        self._next.extend(replies)

    def answer_always(self, reply: str) -> None:
        """The reply to every mail that no `answer_next` spoke of."""
        self._always = reply

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._session, LOOPBACK, 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Records the mail when the reply accepts it; aiosmtpd looks for this name."""
        reply = self._next.popleft() if self._next else self._always
        if reply.startswith("2"):
            self.mails.append(_received(envelope))
        else:
            self.refused += 1
        return reply

    def _session(self) -> SMTP:
        # A fixed name: looking one up would ask the network's name service.
        return SMTP(self, hostname="sink.test", enable_SMTPUTF8=True)


def _received(envelope: Envelope) -> ReceivedMail:
    content = cast(bytes, envelope.content)
    message = email.message_from_bytes(content, policy=email.policy.default)
    return ReceivedMail(
        sender=envelope.mail_from or "",
        recipients=tuple(envelope.rcpt_tos),
        message=message,
        arrived_at=time.monotonic(),
    )


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One request, also one that was answered with an error."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Read without regard to case, like the headers of any request."""
    body: bytes
    arrived_at: float
    """On the monotonic clock, before any delay."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the webhook sink says to one call."""

    status: int = 200
    delay: float = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class WebhookSink:
    """An HTTP server on a free port that takes every path. `async with WebhookSink() as hook: …`"""

    def __init__(self) -> None:
        self.calls: list[ReceivedCall] = []
        self._next: deque[Answer] = deque()
        self._always = Answer()

    def answer_next(self, *answers: Answer | int) -> None:
        """Answers to the next calls, in order; a number is a status."""
        self._next.extend(_answer(one) for one in answers)

    def answer_always(self, answer: Answer | int) -> None:
        """The answer to every call that no `answer_next` spoke of."""
        self._always = _answer(answer)

    def url(self, path: str = "/") -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}{path}"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        # Calls that still wait out their delay must not hold up the end of a test.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.port: int = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        arrived_at = time.monotonic()
        body = await request.read()
        call = ReceivedCall(request.method, request.path_qs, request.headers, body, arrived_at)
        self.calls.append(call)
        answer = self._next.popleft() if self._next else self._always
        await asyncio.sleep(answer.delay)
        return web.Response(status=answer.status, headers=dict(answer.headers), body=answer.body)


def _answer(answer: Answer | int) -> Answer:
    return Answer(status=answer) if isinstance(answer, int) else answer
