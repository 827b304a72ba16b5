"""Alerts to systems: JSON over HTTP, signed as Standard Webhooks has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime

import aiohttp
from standardwebhooks import Webhook

from services.route import decide
from services.route.channels.guard import AddressRefused, Guard
from services.route.model import Accepted, Failure, Letter, Refused, Result

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
LARGEST_ANSWER = 64 * 1024
DRAIN = 1.0
_CONNECTIONS = 100
# The slots between attempts already space them; a connection kept too long only meets resets.
_KEEPALIVE = 15.0


class WebhookSender:
    """Posts alerts. `secrets` are named by the channels; `allowed` are more networks to reach."""

    def __init__(self, secrets: Mapping[str, str], allowed: Iterable[str]) -> None:
        self._secrets = dict(secrets)
        self._guard = Guard(allowed)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Post once; redirects are not followed, since they lead past what was configured."""
        secret = self._secrets.get(letter.channel.secret or "")
        if secret is None:
            return Refused("no_secret")
        body = letter.notice.model_dump_json()
        headers = _headers(signer(secret), letter.delivery.alert_id, now, body)
        try:
            return await self._post(letter.channel.url or "", body, headers, now)
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, AddressRefused)
            return Refused("address_refused" if refused else "network")
        except TimeoutError:
            return Refused("timeout")
        except aiohttp.InvalidURL:
            return Refused("client_error")
        except (aiohttp.ClientError, OSError):
            return Refused("network")

    async def close(self) -> None:
        """Close connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, url: str, body: str, headers: Mapping[str, str], now: datetime) -> Result:
        async with self._client().post(
            url, data=body.encode(), headers=headers, allow_redirects=False
        ) as response:
            await _drain(response)
            failure: Failure | None = decide.judge_status(response.status)
            if failure is None:
                return Accepted()
            return Refused(failure, decide.retry_after(response.headers.get("Retry-After"), now))

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=_CONNECTIONS,
                    keepalive_timeout=_KEEPALIVE,
                    socket_factory=self._guard.socket,
                ),
                timeout=TIMEOUT,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def signer(secret: str) -> Webhook:
    """Take a secret as the standard writes it (`whsec_` and base64), or any other text as it is."""
    return Webhook(secret if secret.startswith("whsec_") else secret.encode())


def _headers(webhook: Webhook, alert_id: str, now: datetime, body: str) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "user-agent": "touchback",
        "webhook-id": alert_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook.sign(alert_id, now, body),
        "idempotency-key": alert_id,
    }


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a small answer so that the connection can be used again; leave a large or slow one."""
    try:
        async with asyncio.timeout(DRAIN):
            read = 0
            while read < LARGEST_ANSWER:
                chunk = await response.content.read(LARGEST_ANSWER - read)
                if not chunk:
                    return
                read += len(chunk)
    except (TimeoutError, aiohttp.ClientError):
        pass
    response.close()
