"""Alerts over Apprise, which knows many services and tells little of what became of an alert."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.route.channels.card import Card, card
from services.route.model import Accepted, Letter, Refused, Result

LIBRARY: Any
try:
    import apprise

    LIBRARY = apprise
except ImportError:  # the extra is not installed
    LIBRARY = None


class AppriseSender:
    """Notifies by a URL of Apprise, which the secret is that a channel names.

    It needs the extra `touchback[apprise]`. It has no ids, no Retry-After, and its own connections:
    neither TOUCHBACK_OUTBOUND_ALLOW nor the classes of failures hold for it.
    """

    def __init__(self, secrets: Mapping[str, str], library: Any = LIBRARY) -> None:
        self._secrets = dict(secrets)
        self._library = library

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Notify once, in a thread: the library blocks."""
        url = self._secrets.get(letter.channel.secret or "")
        if url is None:
            return Refused("no_secret")
        if self._library is None:
            return Refused("not_installed")
        shown = card(letter, now)
        told = await asyncio.to_thread(self._notify, url, shown)
        return Accepted() if told else Refused("network")

    def _notify(self, url: str, shown: Card) -> bool:
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
