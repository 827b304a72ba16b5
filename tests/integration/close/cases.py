"""What these tests do to the service, and what they look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.close import handlers
from services.close.policy import Policy
from shared import db, tallies
from shared.consume import Item
from shared.contracts.cases import Alert, CaseEvent
from shared.contracts.envelope import Event, decode
from tests.support.clock import START

POLICY = Policy(frozenset({"billing-care", "customer-care"}), (60, 900, 14400, 172800))
HIGH = ("billing-care", "high")


def told(
    body: CaseEvent | Alert, type: str = "touchback.case.opened.v1", source: str = "touchback/route"
) -> Item[Event]:
    """A message as the consumer gives it."""
    event = Event(f"e-{body.case_id}", source, type, body.customer_id, START, body)
    return Item(source, event.id, event)


async def take(close: db.Database, *items: Item[Event]) -> None:
    """Handle one batch."""
    async with close.transaction() as connection:
        await handlers.Handlers(lambda: POLICY).handle(connection, items, START)


async def published(close: db.Database) -> list[tuple[str, CaseEvent]]:
    """What waits in the outbox, decoded as a reader would."""
    async with close.connection() as connection:
        rows = await connection.fetch(
            "select header_names, header_values, payload from outbox order by position"
        )
    found = []
    for row in rows:
        headers = {
            name: value.decode()
            for name, value in zip(row["header_names"], row["header_values"], strict=True)
        }
        event = decode(headers, row["payload"])
        assert event is not None
        assert isinstance(event.body, CaseEvent)
        found.append((event.type, event.body))
    return found


async def counted(close: db.Database, name: str, labels: Sequence[str] = HIGH) -> float:
    """A counter as it stands."""
    async with close.connection() as connection:
        counts = await tallies.read(connection)
    return counts.get(name, {}).get(tuple(labels), 0.0)


def delivered(minutes: float) -> Item[Event]:
    """An alert about the first case reached its team so many minutes after the answer."""
    body = Alert(
        alert_id=f"a{minutes}",
        case_id="c1",
        customer_id="u1",
        touchpoint="first-bill",
        team="billing-care",
        priority="high",
        channel="hook",
        kind="webhook",
        attempt=1,
        at=START + timedelta(minutes=minutes),
        response_received_at=START,
    )
    return told(body, "touchback.alert.delivered.v1")
