"""May somebody else write to this customer? Their letters and our asks share one budget. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.ask.model import Person
from shared.catalog.policy import Caps
from shared.contracts.asks import Silence


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether there is budget; if not why, and from when on there may be (None: nobody knows)."""

    reason: Silence | None = None
    next_at: datetime | None = None


def judge(person: Person, caps: Caps, now: datetime) -> Standing:
    """Apply what holds for every sender: wishes and consent, then the time since the last one."""
    if None in person.opt_outs:
        return Standing("opted_out")
    if person.contact.consent == "refused":
        return Standing("no_consent")
    history, interval = person.history, max(caps.floor, caps.person)
    if history.pending:
        # It may go out at any moment, and the time counts from then.
        return Standing("cap_person", now + interval)
    if history.last_contact is None or now - history.last_contact >= interval:
        return Standing()
    return Standing("cap_person", history.last_contact + interval)
