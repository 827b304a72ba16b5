"""What customers' records say, before any moment of theirs is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.ask import contacts
from shared import db, outbox, topics
from shared.contracts.envelope import Event, stable_id
from shared.contracts.responses import OptOut
from shared.contracts.signals import CustomerErased, Profile
from shared.erasure import forget, is_stand_in
from shared.outbox import Outgoing

OWN = "touchback/ask"
"""Wishes that this service tells others of are kept already, and may have been taken back."""


async def hear(connection: db.Connection, events: Sequence[Event]) -> list[Event]:
    """Take cards and wishes; return the events without those of customers who are nobody any more.

    Cards first, so that an address that came along with a signal counts for it.
    """
    bodies = [event.body for event in events]
    await contacts.save_profiles(connection, (b for b in bodies if isinstance(b, Profile)))
    wishes = (e.body for e in events if isinstance(e.body, OptOut) and e.source != OWN)
    await contacts.save_opt_outs(connection, wishes)
    gone = await contacts.erased(connection, sorted({event.subject for event in events}))
    return [event for event in events if not _is_past(event, gone)]


async def erase(connection: db.Connection, customer: str, now: datetime) -> None:
    """Erase a customer here, and tell every other service to."""
    await forget(connection, customer, now, contacts.erase, now)
    body = CustomerErased(customer_id=customer, at=now)
    id = stable_id("customer.erased", customer, now.isoformat())
    said = outbox.event(
        service="ask",
        type="touchback.customer.erased.v1",
        body=body,
        customer_id=customer,
        at=now,
        id=id,
    )
    await outbox.add(connection, [said, _tombstone(customer, id)], now)


def _is_past(event: Event, gone: Mapping[str, datetime]) -> bool:
    if isinstance(event.body, Profile):
        at = gone.get(event.subject)
        return at is not None and event.body.updated_at <= at
    return is_stand_in(event.subject)


def _tombstone(customer: str, id: str) -> Outgoing:
    """Return the record without a value after which compaction drops all others of this customer.

    Its type is one that no service knows, so every consumer passes it by.
    """
    kind = "touchback.profile.tombstone.v1"
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", stable_id("tombstone", id).encode()),
        ("ce_source", OWN.encode()),
        ("ce_type", kind.encode()),
    ]
    return Outgoing(
        stable_id("tombstone", id), topics.PROFILES, customer.encode(), kind, None, headers
    )
