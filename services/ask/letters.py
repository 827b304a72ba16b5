"""What may become of one attempt to send, and what every channel must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from shared.catalog.policy import Brand
from shared.catalog.touchpoints import Notice, Survey
from shared.contracts.asks import Invitation

Kind = Literal["ask", "reminder", "notice"]


class BadAddress(ValueError):
    """The address is not one that anything can go to."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What one message says, over whatever channel. `brand` and `survey` are those of the catalog.

    A notice asks nothing: it has no survey, and `notice` in its place.
    `recipient` is the address where the channel needs one, else "".
    """

    invitation: Invitation
    survey: Survey | None
    brand: Brand
    stop_url: str
    recipient: str
    written_at: datetime
    kind: Kind = "ask"
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was taken over."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """It was not taken, and may be later; `retry_after` is what the receiver asked for."""

    detail: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """It was not handed over: its customer is not written to at this hour."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will never be taken over this channel; `reason` is one of metrics.FAILURES."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The connection broke while it was handed over: it may or may not have been taken."""

    detail: str


Outcome: TypeAlias = Accepted | Deferred | Postponed | Rejected | Ambiguous


class Ready(Protocol):
    """A message that only needs handing over: until then nothing of it is out."""

    async def hand_over(self) -> Outcome:
        """Hand it over; raises nothing, for nobody else knows what became of it."""
        ...


Prepared: TypeAlias = Ready | Deferred | Rejected


class Channel(Protocol):
    """One way to reach customers."""

    async def prepare(self, letter: Letter) -> Prepared:
        """Do all that may be broken off."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...
