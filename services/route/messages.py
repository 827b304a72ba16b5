"""What `route` says on its topics."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from services.route.model import Delivery, Failure, Queued
from shared import outbox
from shared.contracts.cases import Alert, CaseEvent
from shared.contracts.envelope import stable_id

SERVICE = "route"
AlertEvent = Literal["queued", "delivered", "failed", "exhausted"]


def case_event(what: Literal["opened", "attached"], event: CaseEvent) -> outbox.Outgoing:
    """A case that was opened, or joined by a further low score."""
    return outbox.event(
        service=SERVICE,
        type=f"touchback.case.{what}.v1",
        body=event,
        customer_id=event.customer_id,
        at=event.at,
        id=stable_id(f"case.{what}", event.case_id, event.score.response_id),
    )


def alert_event(
    what: AlertEvent,
    delivery: Delivery,
    at: datetime,
    failure: Failure | Queued | None = None,
) -> outbox.Outgoing:
    """An alert at a point of its life; `failure` says what the last attempt met.

    Of one just queued it says why it is not delivered at once to the first channel of its owner.
    """
    body = Alert(
        alert_id=delivery.alert_id,
        case_id=delivery.case_id,
        customer_id=delivery.customer_id,
        touchpoint=delivery.touchpoint,
        team=delivery.team,
        priority=delivery.priority,
        channel=delivery.channel,
        kind=delivery.kind,
        attempt=delivery.attempt,
        at=at,
        response_received_at=delivery.received_at,
        failure=failure,
    )
    return outbox.event(
        service=SERVICE,
        type=f"touchback.alert.{what}.v1",
        body=body,
        customer_id=delivery.customer_id,
        at=at,
        id=stable_id(f"alert.{what}", delivery.alert_id, str(delivery.fence)),
    )
