"""Where the demo's mails and webhooks arrive: a real SMTP server and a real HTTP server."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Awaitable, Callable, Mapping
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.local.child import HOST
from services.local.place import Ports

OnMail = Callable[[str, EmailMessage], Awaitable[None]]
OnHook = Callable[[str, dict[str, Any]], Awaitable[None]]


class _Inbox:
    """No dataclass with slots: aiosmtpd lists all members, which those of Python 3.11.2 refuse."""

    def __init__(self, on_mail: OnMail) -> None:
        self._on_mail = on_mail

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = cast("bytes", envelope.original_content)
        message = email.message_from_bytes(content, policy=email.policy.default)
        for recipient in envelope.rcpt_tos:
            await self._on_mail(recipient, message)
        return "250 OK"


class Sinks:
    """`async with Sinks(...)`: both servers, on loopback unless another host is given.

    A webhook is accepted only when its signature is right: the secrets are by the last part of
    the path, which is the team's name.
    """

    def __init__(
        self,
        ports: Ports,
        secrets: Mapping[str, str],
        on_mail: OnMail,
        on_hook: OnHook,
        host: str = HOST,
    ) -> None:
        self._host = host
        self._ports = ports
        self._secrets = secrets
        self._inbox = _Inbox(on_mail)
        self._on_hook = on_hook

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._smtp = await loop.create_server(
            lambda: SMTP(self._inbox, enable_SMTPUTF8=True), self._host, self._ports.mail
        )
        app = web.Application()
        app.router.add_post("/hooks/{team}", self._hook)
        app.router.add_get("/health/ready", self._ready)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._ports.hooks).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._smtp.close()
        await self._runner.cleanup()

    async def _ready(self, request: web.Request) -> web.Response:
        """The mail server listens before this one does: who answers here takes mail as well."""
        return web.json_response({"status": "ok"})

    async def _hook(self, request: web.Request) -> web.Response:
        team = request.match_info["team"]
        raw = await request.read()
        try:
            body = Webhook(self._secrets[team]).verify(raw, dict(request.headers))
        except (KeyError, WebhookVerificationError):
            return web.Response(status=401, text="the signature is not right")
        await self._on_hook(team, cast("dict[str, Any]", body))
        return web.Response(status=204)
