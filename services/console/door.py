"""The door: people of a list come in by password, or a proxy in front names who they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.console import passwords
from shared import web
from shared.clock import Clock
from shared.errors import InvalidLink
from shared.links import Links
from shared.settings import Tokens

COOKIE = "touchback_sign_in"
WORKDAY = timedelta(hours=12)
"""How long a sign-in lasts."""

FREE = 5
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(minutes=15)
"""After this many wrong passwords in a row a name has to wait: a minute, then twice as long."""

AT_ONCE = 4
"""So many passwords are checked or wait to be; a check takes memory and a core."""

By = Literal["nobody", "password", "proxy"]
SCOPE = "touchback.person"


@dataclass(frozen=True, slots=True)
class Person:
    """Who is in, and who says so: `nobody` asked where no sign-in is required."""

    name: str
    by: By


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom the door lets in. Without `required` everybody who reaches one of `hosts`."""

    required: bool
    users: Mapping[str, str]
    proxies: Sequence[IPv4Network | IPv6Network]
    header: str
    hosts: frozenset[str]


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    not_before: datetime | None = None


class Door:
    """Knows who is in, and lets in. `known_as` gives a team member's name for a mail address."""

    def __init__(
        self,
        rules: Rules,
        links: Links,
        clock: Clock,
        known_as: Callable[[], Mapping[str, str]],
        lasts: timedelta = WORKDAY,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._known_as = known_as
        self._lasts = lasts
        self._tries = {name: _Tries() for name in rules.users}
        self._one = asyncio.Lock()
        self._waiting = 0
        self.links = links

    @property
    def required(self) -> bool:
        """Whether anybody has to sign in."""
        return self._rules.required

    def person(self, request: Request) -> Person | None:
        """Return who is in; None for somebody outside."""
        if not self._rules.required:
            return Person("", "nobody") if request.url.hostname in self._rules.hosts else None
        return self._by_proxy(request) or self._by_cookie(request)

    def _by_proxy(self, request: Request) -> Person | None:
        name = " ".join(request.headers.get(self._rules.header, "").split())[:128]
        if not name or request.client is None:
            return None
        peer = ip_address(request.client.host)
        if isinstance(peer, IPv6Address) and peer.ipv4_mapped:
            peer = peer.ipv4_mapped
        if not any(peer in each for each in self._rules.proxies):
            return None
        return Person(self._known_as().get(name.lower(), name), "proxy")

    def _by_cookie(self, request: Request) -> Person | None:
        try:
            token = self.links.read("sign-in", request.cookies.get(COOKIE, ""), self._lasts)
            name, stamp = json.loads(token)
        except (InvalidLink, ValueError, TypeError):
            return None
        # Who was taken off the list, or got another password, is out.
        kept = self._rules.users.get(str(name))
        return Person(str(name), "password") if kept and stamp == _stamp(kept) else None

    def token(self, name: str) -> str:
        """Return the cookie of somebody who came in."""
        return self.links.sign("sign-in", json.dumps([name, _stamp(self._rules.users[name])]))

    async def enter(self, name: str, password: str) -> timedelta | bool:
        """Tell whether the password is right; a time means: not looked at, try again after it."""
        tries, now = self._tries.get(name), self._clock.now()
        if tries and tries.not_before and now < tries.not_before:
            return tries.not_before - now
        if self._waiting >= AT_ONCE:
            return timedelta(seconds=5)
        self._waiting += 1
        try:
            async with self._one:
                right = await self._checked(name, password)
        finally:
            self._waiting -= 1
        if tries:
            _note(tries, right, now)
        return right

    async def _checked(self, name: str, password: str) -> bool:
        users = self._rules.users
        if not users:
            return False
        # A name that is not on the list takes as long as one that is.
        kept = users.get(name) or next(iter(users.values()))
        return await asyncio.to_thread(passwords.matches, password, kept) and name in users


def _stamp(kept: str) -> str:
    return sha256(kept.encode()).hexdigest()[:16]


def _note(tries: _Tries, right: bool, now: datetime) -> None:
    tries.wrong = 0 if right else tries.wrong + 1
    over = tries.wrong - FREE
    tries.not_before = now + min(LONGEST, SHORTEST * 2 ** min(over, 9)) if over >= 0 else None


class Guard:
    """Middleware before every page: who is outside is turned away; programs show a token."""

    def __init__(
        self,
        app: ASGIApp,
        door: Door,
        tokens: Tokens,
        turned_away: Callable[[Request], Awaitable[Response]],
    ) -> None:
        self._app = app
        self._door = door
        self._tokens = tokens
        self._turned_away = turned_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        person = self._door.person(request)
        if person is not None:
            await self._app({**scope, SCOPE: person}, receive, send)
        elif self._door.required and scope["path"].startswith("/v1/"):
            web.require(request, self._tokens, "cases:read")
            await self._app(scope, receive, send)
        else:
            response = await self._turned_away(request)
            await response(scope, receive, send)
