"""Everything on the way out up to its first byte: what is said to whom, over which channel."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.ask.letters import BadAddress, Channel, Deferred, Kind, Letter, Prepared, Rejected
from services.ask.model import Sending
from shared.catalog.catalog import Catalog, NotInCatalog
from shared.errors import UnreadableMessage
from shared.links import Links
from shared.pii import Pii


@dataclass(frozen=True, slots=True)
class Address:
    """An address as it is kept, and the one that bounced before it: both encrypted."""

    token: str = ""
    dead: str | None = None


@dataclass(frozen=True, slots=True)
class Outbound:
    """What messages are made from, and the channels they leave by."""

    catalog: Callable[[], Catalog]
    links: Links
    pii: Pii
    channels: Mapping[str, Channel]
    public_url: str

    async def prepare(self, sending: Sending, address: Address, now: datetime) -> Prepared:
        """Do all that comes before a message is out; whatever breaks here, it is given back."""
        try:
            letter = self._letter(sending, address, now)
            return await self.channels[sending.channel].prepare(letter)
        except NotInCatalog as error:
            return Rejected("not_eligible", str(error))
        except (UnreadableMessage, BadAddress) as error:
            return Rejected("no_address", str(error))
        except Exception as error:  # noqa: BLE001  (any fault: nothing is out yet, so it is tried again)
            return Deferred(_place(error))

    def same(self, one: str, other: str) -> bool:
        """Whether two tokens are of one address: no two tokens are alike, nor all readable."""
        try:
            return self.pii.decrypt(one) == self.pii.decrypt(other)
        except UnreadableMessage:
            return False

    async def close(self, channel: str) -> None:
        """Give back the connections of a channel."""
        await self.channels[channel].close()

    def _letter(self, sending: Sending, address: Address, now: datetime) -> Letter:
        invitation, catalog = sending.as_sent(now), self.catalog()
        recipient = self.pii.decrypt(address.token) if address.token else ""
        if address.dead and self.same(address.dead, address.token):
            raise BadAddress("the address that bounced came again")
        stop = self.links.sign("stop", invitation.invitation_id)
        kind: Kind = "reminder" if sending.reminds else "notice" if sending.tells else "ask"
        return Letter(
            invitation=invitation,
            survey=None if sending.tells else catalog.survey(invitation.survey),
            brand=catalog.policy.brand,
            stop_url=f"{self.public_url}/stop/{stop}",
            recipient=recipient,
            written_at=now,
            kind=kind,
            notice=catalog.touchpoint(invitation.touchpoint).notice,
        )


def _place(error: Exception) -> str:
    # Where, but not what it says: that may hold the address.
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
