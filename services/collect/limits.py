"""How often one link, one address or one program may write: a pure token bucket for each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

MINUTE = 60.0
MOST = 100_000
"""So many are remembered; the one that was quiet for longest is forgotten first."""

Network = IPv4Network | IPv6Network


class Limits:
    """Remembers for each name when its bucket is empty again; a full one holds a minute's worth.

    Each process counts for itself: the limit keeps one visitor from crowding out the others, and
    for that nothing has to be written for each request.
    """

    def __init__(self, seconds: Callable[[], float], most: int = MOST) -> None:
        self._seconds = seconds
        self._most = most
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, name: str, per_minute: int) -> float:
        """Take one token: 0 when there was one, else how many seconds until there is."""
        now, one = self._seconds(), MINUTE / per_minute
        full_at = max(self._full_at.get(name, now), now) + one
        if full_at - now > MINUTE + 1e-6:
            return full_at - now - MINUTE
        self._full_at[name] = full_at
        self._full_at.move_to_end(name)
        if len(self._full_at) > self._most:
            self._full_at.popitem(last=False)
        return 0.0


def address(peer: str | None, forwarded: str, proxies: Sequence[Network]) -> str | None:
    """Return who to count: the last hop that is no proxy of ours; None where that is not known.

    A private address that is not said to be a proxy may be one, with all customers behind it. Of
    IPv6 the network counts, because one household has them by the billion.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    trusted = False
    for hop in [peer or "", *reversed(hops)]:
        try:
            found = ip_address(hop)
        except ValueError:
            return None
        if any(found in network for network in proxies):
            trusted = True
            continue
        if not trusted and not found.is_global:
            return None
        if isinstance(found, IPv6Address):
            return str(IPv6Network((int(found), 64), strict=False))
        return str(found)
    return None
