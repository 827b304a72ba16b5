"""Alerts to systems: JSON over HTTP, signed as Standard Webhooks has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from services.route import decide
from services.route.model import Accepted, Failure, Letter, Refused, Result
from shared.outbound import Poster, Unanswered, signed


class WebhookSender:
    """Posts alerts. `secrets` are named by the channels; `allowed` are more networks to reach."""

    def __init__(self, secrets: Mapping[str, str], allowed: Iterable[str]) -> None:
        self._secrets = dict(secrets)
        self._poster = Poster(allowed)

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Post once."""
        secret = self._secrets.get(letter.channel.secret or "")
        if secret is None:
            return Refused("no_secret")
        body = letter.notice.model_dump_json()
        headers = signed(secret, letter.delivery.alert_id, now, body)
        reply = await self._poster.post(letter.channel.url or "", body, headers, now)
        if isinstance(reply, Unanswered):
            return Refused("client_error" if reply.reason == "bad_url" else reply.reason)
        failure: Failure | None = decide.judge_status(reply.status)
        return Accepted() if failure is None else Refused(failure, reply.retry_after)

    async def close(self) -> None:
        """Close connections."""
        await self._poster.close()
