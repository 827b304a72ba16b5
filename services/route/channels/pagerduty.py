"""Alerts to PagerDuty: Events API v2. A case is one incident: triggered, acknowledged, resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from services.route import policy
from services.route.channels.answer import JSON, clipped, judged
from services.route.channels.card import card
from services.route.model import Accepted, Letter, Notice, Refused, Result
from shared.outbound import Poster

URL = "https://events.pagerduty.com/v2/enqueue"
SUMMARY = 1024
_SEVERITY: Mapping[str, str] = {"high": "critical", "normal": "error", "low": "warning"}


class PagerDutySender:
    """Sends events. The secret that a channel names is the integration's routing key."""

    def __init__(self, secrets: Mapping[str, str], poster: Poster) -> None:
        self._secrets = dict(secrets)
        self._poster = poster

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Send once; PagerDuty joins events of one case by their key."""
        key = self._secrets.get(letter.channel.secret or "")
        if key is None:
            return Refused("no_secret")
        body = json.dumps(event(letter, now, key), ensure_ascii=False)
        result = judged(await self._poster.post(letter.channel.url or URL, body, JSON, now))
        return Accepted({"key": _key(letter)}) if isinstance(result, Accepted) else result


def event(letter: Letter, now: datetime, routing_key: str) -> dict[str, Any]:
    """Return the event."""
    what = action(letter.notice)
    base = {"routing_key": routing_key, "event_action": what, "dedup_key": _key(letter)}
    if what != "trigger":
        return base
    shown, notice = card(letter, now), letter.notice
    return {
        **base,
        "client": "Touchback",
        "client_url": notice.console_url,
        "links": [{"href": notice.console_url, "text": shown.link[0]}],
        "payload": {
            "summary": clipped(shown.subject, SUMMARY),
            "source": "touchback",
            "severity": _SEVERITY.get(notice.priority, "error"),
            "timestamp": notice.received_at.isoformat(),
            "component": notice.touchpoint or "alerts",
            "group": notice.team,
            "class": notice.type,
            "custom_details": {
                **dict(shown.facts),
                **({"comment": shown.quote} if shown.quote else {}),
            },
        },
    }


def action(notice: Notice) -> Literal["trigger", "acknowledge", "resolve"]:
    """Return what a case's state means to PagerDuty."""
    if notice.state in policy.ENDED:
        return "resolve"
    if notice.type == "case.changed" and notice.state not in (None, "new", "assigned"):
        return "acknowledge"
    return "trigger"


def _key(letter: Letter) -> str:
    return letter.notice.case_id or letter.delivery.alert_id
