"""Alerts to a Prometheus Alertmanager: API v2. A case is one alert, which ends with the case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.route import policy
from services.route.channels.answer import JSON, clipped, judged
from services.route.channels.card import card
from services.route.model import Accepted, Letter, Refused, Result
from shared.outbound import Poster

PATH = "/api/v2/alerts"
TEXT = 2000
LONGEST = timedelta(days=1)
"""An alert ends by itself unless it is told anew: every hour, for as long as its case is open."""

_SEVERITY: Mapping[str, str] = {"high": "critical", "normal": "warning", "low": "info"}


class AlertmanagerSender:
    """Posts alerts. The secret that a channel may name is a bearer token."""

    def __init__(self, secrets: Mapping[str, str], poster: Poster) -> None:
        self._secrets = dict(secrets)
        self._poster = poster

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Post once; Alertmanager joins alerts of the same labels."""
        headers = dict(JSON)
        if letter.channel.secret is not None:
            token = self._secrets.get(letter.channel.secret)
            if token is None:
                return Refused("no_secret")
            headers["authorization"] = f"Bearer {token}"
        url = (letter.channel.url or "").rstrip("/") + PATH
        body = json.dumps(alerts(letter, now), ensure_ascii=False)
        result = judged(await self._poster.post(url, body, headers, now))
        key = letter.notice.case_id or letter.delivery.alert_id
        return Accepted({"key": key}) if isinstance(result, Accepted) else result


def alerts(letter: Letter, now: datetime) -> list[dict[str, Any]]:
    """Return the alert; where the case has become more urgent, the one it was before ends."""
    new = alert(letter, now)
    before = letter.notice.raised_from
    if before is None:
        return [new]
    return [
        {**new, "labels": {**new["labels"], **_urgency(before)}, "endsAt": now.isoformat()},
        new,
    ]


def _urgency(priority: str) -> dict[str, str]:
    return {"priority": priority, "severity": _SEVERITY.get(priority, "warning")}


def alert(letter: Letter, now: datetime) -> dict[str, Any]:
    """Return one alert; labels are few and stay the same for as long as the case is so urgent."""
    notice, shown = letter.notice, card(letter, now)
    labels = {
        "alertname": "TouchbackLowScore" if notice.case_id else "TouchbackNotice",
        "service": "touchback",
        "team": letter.team.team,
        **_urgency(notice.priority),
        "touchpoint": notice.touchpoint or "",
        "reference": notice.case_id or letter.delivery.alert_id,
    }
    annotations = {
        "summary": clipped(shown.subject, TEXT),
        "description": clipped("\n".join(shown.lead), TEXT),
        "comment": clipped(shown.quote or "", TEXT),
    }
    ends = now if notice.state in policy.ENDED else max(now, notice.received_at) + LONGEST
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": notice.received_at.isoformat(),
        "endsAt": ends.isoformat(),
        "generatorURL": notice.console_url,
    }
