"""Alerts to systems: JSON over HTTP, signed as Standard Webhooks has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.route.channels.answer import judged
from services.route.model import Letter, Refused, Result
from shared.outbound import Poster, signed


class WebhookSender:
    """Posts alerts. `secrets` are named by the channels."""

    def __init__(self, secrets: Mapping[str, str], poster: Poster) -> None:
        self._secrets = dict(secrets)
        self._poster = poster

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Post once."""
        secret = self._secrets.get(letter.channel.secret or "")
        if secret is None:
            return Refused("no_secret")
        body = letter.notice.model_dump_json()
        headers = signed(secret, letter.delivery.alert_id, now, body)
        return judged(await self._poster.post(letter.channel.url or "", body, headers, now))
