"""What `up` does with mails and webhooks: they are shown, for a person to follow."""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import Any

from services.local.screen import Screen

_LINK = re.compile(r"https?://\S+/s/[^\s?\"]+")


def text_of(message: EmailMessage) -> str:
    """Return the readable part of a mail; empty when it has none."""
    part = message.get_body(("plain",))
    return str(part.get_content()) if part else ""


def survey_link(message: EmailMessage) -> str | None:
    """Return the address behind which the customer may answer."""
    link = _LINK.search(text_of(message))
    return link.group() if link else None


def subject_of(alert: dict[str, Any]) -> str:
    """Return the score of an alert in words."""
    score = alert["score"]
    if score is None:
        return str(alert["type"])
    return f"{score['metric'].upper()} {score['score']} about {alert['touchpoint']}"


class Post:
    """Shows each mail with its link, so that a person at the screen can be the customer."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def mail(self, recipient: str, message: EmailMessage) -> None:
        """Take a mail."""
        parts = (f"@  mail to {recipient}: {str(message['subject']).strip()}", survey_link(message))
        self._screen.say(" ".join(part for part in parts if part))

    async def hook(self, team: str, body: dict[str, Any]) -> None:
        """Take a team's webhook."""
        self._screen.say(f"!  webhook to {team}: {subject_of(body)}", "bold")
