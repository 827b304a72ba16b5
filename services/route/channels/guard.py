"""Keeps outgoing webhooks from reaching into the own network.

The address of the socket about to connect is checked, not the name: a name may resolve
differently a second later, and an address literal is never resolved at all.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any


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
        return address.is_global and not address.is_multicast

    def socket(self, address: Any) -> socket.socket:
        """Socket factory for aiohttp; raises AddressRefused."""
        family, kind, protocol, _, peer = address
        if not self.permits(str(peer[0])):
            raise AddressRefused
        return socket.socket(family, kind, protocol)


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one carries, where it carries one."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address
