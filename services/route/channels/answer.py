"""What an answer over HTTP means, and the headers that every call of ours has."""

from __future__ import annotations

from collections.abc import Mapping

from services.route import decide
from services.route.model import Accepted, Refused, Result
from shared.outbound import Reply, Unanswered

JSON: Mapping[str, str] = {
    "content-type": "application/json; charset=utf-8",
    "user-agent": "touchback",
}


def judged(reply: Reply | Unanswered) -> Result:
    """Return what came of a call by its status alone."""
    if isinstance(reply, Unanswered):
        return Refused("client_error" if reply.reason == "bad_url" else reply.reason)
    failure = decide.judge_status(reply.status)
    return Accepted() if failure is None else Refused(failure, reply.retry_after)


def clipped(text: str, longest: int) -> str:
    """Cut a text to what a receiver takes."""
    return decide.shortened(text, longest) or ""


def clipped_bytes(text: str, most: int) -> str:
    """Cut a text to so many bytes of UTF-8, never within a character."""
    raw = text.encode()
    return text if len(raw) <= most else raw[: most - 3].decode(errors="ignore") + "…"
