"""What customers' records say, before any moment of theirs is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.ask import contacts
from shared import db, outbox, topics
from shared.contracts.base import Message
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event, stable_id
from shared.contracts.responses import OptOut, Response
from shared.contracts.signals import CustomerErased, Profile, Signal
from shared.outbox import Outgoing


async def hear(connection: db.Connection, events: Sequence[Event]) -> list[Event]:
    """Take cards, wishes and erasures; return the events without what erased customers did before.

    Cards first, so that an address that came along with a signal counts for it.
    """
    bodies = [event.body for event in events]
    for each in bodies:
        if isinstance(each, CustomerErased):
            await contacts.erase(connection, each.customer_id, each.at)
    await contacts.save_profiles(connection, (b for b in bodies if isinstance(b, Profile)))
    await contacts.save_opt_outs(connection, (b for b in bodies if isinstance(b, OptOut)))
    gone = await contacts.erased(connection, sorted({event.subject for event in events}))
    return [event for event in events if not _forgotten(event.body, gone)]


async def erase(connection: db.Connection, customer: str, now: datetime) -> None:
    """Erase a customer here, and tell every other service to."""
    await contacts.erase(connection, customer, now)
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


def _forgotten(body: Message, gone: dict[str, datetime]) -> bool:
    match body:
        case Signal() | Profile() | Response() | CaseEvent() if body.customer_id in gone:
            at = _moment(body)
            return at <= gone[body.customer_id]
        case _:
            return False


def _moment(body: Signal | Profile | Response | CaseEvent) -> datetime:
    match body:
        case Signal():
            return body.occurred_at
        case Profile():
            return body.updated_at
        case Response() | CaseEvent():
            return body.at


def _tombstone(customer: str, id: str) -> Outgoing:
    """Return the record without a value after which compaction drops all others of this customer.

    Its type is one that no service knows, so every consumer passes it by.
    """
    kind = "touchback.profile.tombstone.v1"
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", stable_id("tombstone", id).encode()),
        ("ce_source", b"touchback/ask"),
        ("ce_type", kind.encode()),
    ]
    return Outgoing(
        stable_id("tombstone", id), topics.PROFILES, customer.encode(), kind, None, headers
    )
