"""Alerts over Apprise, which knows many services and tells little of what became of an alert."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.route.channels.card import Card, card
from services.route.model import Accepted, Letter, Refused, Result
from shared.outbound import AddressRefused, Guard

LIBRARY: Any
try:
    import apprise

    LIBRARY = apprise
except ImportError:  # the extra is not installed
    LIBRARY = None


@dataclass(slots=True)
class _Watch:
    """What the thread of one attempt may connect to, and whether it tried something else."""

    guard: Guard
    refused: bool = False

    def check(self, peer: object) -> None:
        """Raise AddressRefused unless the peer is an address that is permitted."""
        host = peer[0] if isinstance(peer, tuple) and peer else None
        try:
            permitted = isinstance(host, str) and self.guard.permits(host)
        except ValueError:
            # A name: who looks it up may find something else than whoever checked it.
            permitted = False
        if not permitted:
            self.refused = True
            raise AddressRefused


_WATCH: ContextVar[_Watch | None] = ContextVar("apprise", default=None)
_CALLS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


def _audit(event: str, given: tuple[Any, ...]) -> None:
    if event in _CALLS and (watch := _WATCH.get()) is not None:
        watch.check(given[1])


if LIBRARY is not None:
    # The library opens its connections by many others, none of which takes a socket of ours. The
    # interpreter shows each to this hook before it connects.
    sys.addaudithook(_audit)


class AppriseSender:
    """Notifies by a URL of Apprise, which the secret is that a channel names.

    It needs the extra `touchback[apprise]`. It has no ids, no Retry-After, and its own connections;
    they reach what webhooks may reach, public addresses and TOUCHBACK_OUTBOUND_ALLOW.
    """

    def __init__(
        self, secrets: Mapping[str, str], allowed: Iterable[str] = (), library: Any = LIBRARY
    ) -> None:
        self._secrets = dict(secrets)
        self._guard = Guard(allowed)
        self._library = library

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Notify once, in a thread: the library blocks."""
        url = self._secrets.get(letter.channel.secret or "")
        if url is None:
            return Refused("no_secret")
        if self._library is None:
            return Refused("not_installed")
        watch = _Watch(self._guard)
        if await asyncio.to_thread(self._notify, url, card(letter, now), watch):
            return Accepted()
        return Refused("address_refused" if watch.refused else "network")

    def _notify(self, url: str, shown: Card, watch: _Watch) -> bool:
        # The thread has a context of its own, which ends with it.
        _WATCH.set(watch)
        notifier = self._library.Apprise()
        return bool(
            notifier.add(url)
            and notifier.notify(title=shown.subject, body=text(shown), body_format="text")
        )


def text(shown: Card) -> str:
    """Return the card as plain text."""
    parts = [
        *shown.lead,
        *(f"{name}: {value}" for name, value in shown.facts),
        *([f'"{shown.quote}"'] if shown.quote else []),
        *(f"- {line.text}\n  {line.url}" for line in shown.lines),
        *([shown.more] if shown.more else []),
        f"{shown.link[0]}: {shown.link[1]}",
    ]
    return "\n".join(parts)
