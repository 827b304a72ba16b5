"""When a rhythm comes to a customer: once per period, each at a moment of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from services.ask.decide.gates import chance
from services.ask.policy import Plan
from shared.contracts.envelope import stable_id
from shared.contracts.signals import Signal

RHYTHM = "touchback.rhythm"
_START = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Slot:
    """The moment of one customer in one period; `number` counts the periods."""

    number: int
    at: datetime


def spread(customer_id: str) -> float:
    """Return a customer's place from 0 up to but without 1, as the database computes it too."""
    digest = sha256(customer_id.encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)


def next_slot(plan: Plan, customer_id: str, after: datetime) -> Slot:
    """Return the first moment later than `after` at which the rhythm comes to a customer."""
    every, place = _every(plan), (spread(customer_id) - _shift(plan)) % 1.0
    number = math.floor((after - _START) / every - place)
    at = _START + (number + place) * every
    while at <= after:
        number += 1
        at = _START + (number + place) * every
    return Slot(number, at)


def places(plan: Plan, after: datetime, until: datetime) -> list[tuple[float, float]]:
    """Return between which values of `spread` customers have their moment in that time.

    A little wider than true: `next_slot` says who it is exactly.
    """
    every, shift, margin = _every(plan), _shift(plan), 1e-6
    start = ((after - _START) / every + shift) % 1.0 - margin
    end = start + (until - after) / every + 2 * margin
    return [(start + turn, end + turn) for turn in (-1.0, 0.0, 1.0)]


def signal(plan: Plan, customer_id: str, slot: Slot) -> Signal:
    """Return the moment as a signal: the same customer and period, the same event."""
    return Signal(
        signal=RHYTHM,
        source="touchback/ask",
        # Ids of events stay when a customer is erased: who it is must not stand in them.
        source_event_id=f"{plan.touchpoint}/{slot.number}/{stable_id('rhythm', customer_id)}",
        customer_id=customer_id,
        occurred_at=slot.at,
    )


def _every(plan: Plan) -> timedelta:
    assert plan.rhythm is not None  # noqa: S101  (asked of rhythms only; for the type checker)
    return plan.rhythm.every


def _shift(plan: Plan) -> float:
    # Two rhythms do not come to a customer on the same day.
    return chance(plan.touchpoint, "rhythm", plan.salt)
