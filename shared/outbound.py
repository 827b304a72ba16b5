"""Calls to other people's HTTP: signed as Standard Webhooks has it, never into the own network.

The address of the socket about to connect is checked, not the name: a name may resolve
differently a second later, and an address literal is never resolved at all.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Literal

import aiohttp
from standardwebhooks import Webhook

TIMEOUT = aiohttp.ClientTimeout(total=10.0)
LARGEST_ANSWER = 64 * 1024
DRAIN = 1.0
_CONNECTIONS = 100
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""What NAT64 translates: behind each stands the IPv4 address of its last 32 bits."""
# A connection kept too long only meets resets.
_KEEPALIVE = 15.0


class AddressRefused(OSError):
    """The address is neither public nor allowed by TOUCHBACK_OUTBOUND_ALLOW."""

    def __init__(self) -> None:
        # Always the same words: several refused addresses of one name then stay this one error.
        super().__init__(type(self).__doc__)


class Guard:
    """Makes sockets to public addresses and to the given networks only."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = [ip_network(network) for network in allowed]

    def permits(self, text: str) -> bool:
        """Say whether a socket may connect to this address."""
        address = _unmapped(ip_address(text.partition("%")[0]))
        if any(address in network for network in self._allowed):
            return True
        return address.is_global and not (address.is_multicast or _inner(address))

    def socket(self, address: Any) -> socket.socket:
        """Socket factory for aiohttp; raises AddressRefused."""
        family, kind, protocol, _, peer = address
        if not self.permits(str(peer[0])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)


@dataclass(frozen=True, slots=True)
class Reply:
    """The receiver answered; `retry_after` is how long it asks to be left alone.

    `body` is None where it was too long, too slow or broken off.
    """

    status: int
    retry_after: timedelta | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """There was no answer. Only `address_refused` and `bad_url` say that nothing was sent."""

    reason: Literal["address_refused", "bad_url", "timeout", "network"]


class Poster:
    """Posts JSON; `allowed` are more networks to reach than the public one."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._guard = Guard(allowed)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, body: str, headers: Mapping[str, str], now: datetime
    ) -> Reply | Unanswered:
        """Post once; redirects are not followed, since they lead past what was configured."""
        try:
            async with self._client().post(
                url, data=body.encode(), headers=headers, allow_redirects=False
            ) as response:
                read = await _read(response)
                asked = retry_after(response.headers.get("Retry-After"), now)
                return Reply(response.status, asked, read)
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, AddressRefused)
            return Unanswered("address_refused" if refused else "network")
        except TimeoutError:
            return Unanswered("timeout")
        except aiohttp.InvalidURL:
            return Unanswered("bad_url")
        except (aiohttp.ClientError, OSError):
            return Unanswered("network")

    async def close(self) -> None:
        """Close connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

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


def signed(secret: str, id: str, now: datetime, body: str) -> dict[str, str]:
    """Return the headers of a signed call; repeats of it carry the same id."""
    return {
        "content-type": "application/json",
        "user-agent": "touchback",
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer(secret).sign(id, now, body),
        "idempotency-key": id,
    }


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """Read `Retry-After`: seconds or a date; None when absent or neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), 10**8))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(moment - now, timedelta(0)) if moment.tzinfo else None


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """Read a small answer, so that the connection can be used again; leave a large or slow one."""
    read = bytearray()
    try:
        async with asyncio.timeout(DRAIN):
            while len(read) < LARGEST_ANSWER:
                chunk = await response.content.read(LARGEST_ANSWER - len(read))
                if not chunk:
                    return bytes(read)
                read += chunk
    except (TimeoutError, aiohttp.ClientError):
        pass
    response.close()
    return None


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one carries, where it carries one."""
    if not isinstance(address, IPv6Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def _inner(address: IPv4Address | IPv6Address) -> bool:
    """Say whether it belongs to blocks that Python calls global, though no public host is there.

    Among them are the translators of a site (`64:ff9b:1::/48`), which lead to addresses of its own.
    """
    site = isinstance(address, IPv6Address) and address.is_site_local
    return site or address.is_reserved
