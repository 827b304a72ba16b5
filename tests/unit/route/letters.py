"""Letters as channels get them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.route.model import Delivery, Letter, Notice, NoticeDeadline, NoticeItem, NoticeScore
from shared.catalog import Channel, Team
from tests.unit.route.catalogs import AT

SLACK = Channel(channel="chat", kind="slack", secret="bot", to="C0123")


def letter(channel: Channel = SLACK, language: str = "en", **changes: Any) -> Letter:
    """An alert about a low score, or another with `changes` to its notice."""
    fields: dict[str, Any] = {
        "type": "case.opened",
        "case_id": "0b5ad1c8-aaaa",
        "version": 1,
        "team": "care",
        "priority": "high",
        "touchpoint": "first-bill",
        "score": NoticeScore(metric="nps", score=2, scale="0-10"),
        "comment": "Never again.",
        "language": "en",
        "deadlines": (NoticeDeadline(clock="contact", due_at=AT + timedelta(hours=4)),),
        "received_at": AT,
        "console_url": "https://console.test/cases/0b5ad1c8-aaaa",
        "state": "assigned",
    }
    receipt = changes.pop("receipt", None)
    notice = Notice.model_validate(fields | changes)
    owner = Team.model_validate(
        {"team": "care", "name": "Care", "language": language, "channels": (channel,)}
    )
    delivery = Delivery(
        alert_id="alert-1",
        case_id=notice.case_id or "",
        response_id="r1",
        customer_id="c1",
        touchpoint=notice.touchpoint or "",
        team="care",
        priority=notice.priority,
        channel=channel.channel,
        kind=channel.kind,
        notice=notice.model_dump(mode="json"),
        received_at=AT,
        receipt=receipt,
    )
    return Letter(delivery, notice, owner, channel)


def digest(items: int, comment: str) -> dict[str, Any]:
    """The changes that make it a digest."""
    item = NoticeItem(
        case_id="0b5ad1c8-aaaa",
        priority="high",
        score=NoticeScore(metric="nps", score=2, scale="0-10"),
        comment=comment,
        contact_by=AT,
        console_url="https://console.test/cases/0b5ad1c8-aaaa",
    )
    return {
        "type": "alerts.digest",
        "case_id": None,
        "score": None,
        "comment": None,
        "items": (item,) * items,
        "total": items + 7,
    }
