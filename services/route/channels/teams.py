"""Alerts to Microsoft Teams: an Adaptive Card, posted to a workflow's address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.route.channels.answer import JSON, clipped, judged
from services.route.channels.card import Card, card
from services.route.model import Letter, Refused, Result
from shared.outbound import Poster

LARGEST = 28 * 1024
"""Bytes that Teams takes; a longer card loses its lines first."""

TEXT = 2000
_MARKS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]()#~"})


class TeamsSender:
    """Posts cards. The secret that a channel names is the address: whoever knows it may post."""

    def __init__(self, secrets: Mapping[str, str], poster: Poster) -> None:
        self._secrets = dict(secrets)
        self._poster = poster

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Post once."""
        url = self._secrets.get(letter.channel.secret or "")
        if url is None:
            return Refused("no_secret")
        return judged(await self._poster.post(url, message(card(letter, now)), JSON, now))


def message(shown: Card) -> str:
    """Return the body: as many lines of the card as Teams takes."""
    lines = len(shown.lines)
    while True:
        body = json.dumps(_message(shown, lines), ensure_ascii=False)
        if len(body.encode()) <= LARGEST or not lines:
            return body
        lines //= 2


def _message(shown: Card, lines: int) -> dict[str, Any]:
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": _body(shown, lines),
        "actions": [{"type": "Action.OpenUrl", "title": shown.link[0], "url": shown.link[1]}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": content,
    }
    return {"type": "message", "attachments": [attachment]}


def _body(shown: Card, lines: int) -> list[dict[str, Any]]:
    colour = "Good" if shown.done else "Attention" if shown.urgent else "Default"
    title = {**_text(shown.title), "size": "Large", "weight": "Bolder", "color": colour}
    body = [title, *(_text(line) for line in shown.lead)]
    if shown.facts:
        # A fact is plain text to Teams: nothing in it is read as Markdown but links.
        facts = [{"title": escaped(n), "value": clipped(escaped(t), TEXT)} for n, t in shown.facts]
        body.append({"type": "FactSet", "facts": facts})
    if shown.quote:
        body.append({**_text(shown.quote), "isSubtle": True})
    for line in shown.lines[:lines]:
        body.append(_raw(f"- [{escaped(line.text)}]({line.url})"))
    if shown.more:
        body.append(_text(shown.more))
    return body


def _text(text: str) -> dict[str, Any]:
    return _raw(clipped(escaped(text), TEXT))


def _raw(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True}


def escaped(text: str) -> str:
    """Escape what the Markdown of cards would read as something else."""
    return text.translate(_MARKS)
