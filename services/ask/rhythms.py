"""Walks along the customers of each rhythm: everybody has a moment of their own in each period."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from services.ask import contacts, lives
from services.ask.decide.rhythm import next_slot, places, signal
from services.ask.decide.triggers import Found, candidate, in_segment
from services.ask.handlers import Desk
from services.ask.model import Broken, Contact
from services.ask.policy import Plan, book
from shared import db, erasure
from shared.catalog.catalog import Catalog
from shared.clock import Clock
from shared.pulse import Pulse

EVERY = 5.0
SHORTEST_STEP = timedelta(seconds=10)
STEPS = 2000
"""Into how many steps a period is cut at most, so that one step is a bounded number of customers
however long the service was away."""


class Walker:
    """The loop that comes to customers unasked by any event. Replicas take turns by row locks."""

    def __init__(
        self, database: db.Database, clock: Clock, catalog: Callable[[], Catalog], desk: Desk
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._desk = desk

    async def run(self, pulse: Pulse) -> None:
        """Walk until cancelled; raises when PostgreSQL is away, to be run again."""
        while True:
            pulse.beat()
            if not await self.step():
                await asyncio.sleep(EVERY)

    async def step(self) -> bool:
        """Come to the next customers of one rhythm; False when all are up to date."""
        now = self._clock.now()
        plans = book(self._catalog())
        names = [plan.touchpoint for plan in plans.rhythms]
        if not names:
            return False
        async with self._database.transaction() as connection:
            # Or whoever is read here and erased meanwhile would be written down again.
            await erasure.hold(connection, alone=False)
            await lives.start_rhythms(connection, names, now)
            taken = await lives.take_rhythm(connection, names, now)
            if taken is None:
                return False
            plan, after = plans.plans[taken[0]], taken[1]
            until = min(now, after + _stride(plan))
            found = await self._due(connection, plan, after, until)
            await self._desk.visit(connection, plans, found, now)
            await lives.rhythm_swept(connection, plan.touchpoint, until)
        return until < now

    async def _due(
        self, connection: db.Connection, plan: Plan, after: datetime, until: datetime
    ) -> list[Found]:
        customers = await lives.customers_between(connection, places(plan, after, until))
        cards = await contacts.cards(connection, customers)
        found = (_moment(plan, each, cards.get(each), after, until) for each in customers)
        return [each for each in found if each is not None]


def _moment(
    plan: Plan, customer: str, card: Contact | None, after: datetime, until: datetime
) -> Found | None:
    """Return the moment of a customer, if it lies in that time and the rhythm concerns them."""
    slot = next_slot(plan, customer, after)
    if card is None or slot.at > until:
        return None
    concerned = in_segment(card, plan)
    if concerned is False:
        return None
    problem = concerned if isinstance(concerned, Broken) else None
    return Found(candidate(plan, signal(plan, customer, slot)), plan, problem)


def _stride(plan: Plan) -> timedelta:
    assert plan.rhythm is not None  # noqa: S101  (rhythms only; for the type checker)
    return max(plan.rhythm.every / STEPS, SHORTEST_STEP)
