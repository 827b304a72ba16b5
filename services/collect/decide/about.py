"""Who gave an answer that came whole, and which ask it is the answer to."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from services.collect.decide import standing
from services.collect.model import Fresh, Invitation, Subject, Submission


def subject(
    given: Submission, asked: Collection[Invitation], known: Collection[str], now: datetime
) -> Subject | None:
    """Say whom and what an answer is about, by the asks it may be about; None when nobody knows.

    It answers an ask when that is the only open one it can answer. An order and a ticket may share
    a number, so the asks of the same touchpoint go before others. `known` are the customers of what
    it is about, for where nobody was asked.
    """
    same = [each for each in asked if each.touchpoint == given.touchpoint]
    same = [each for each in same if each.invitation_id == given.invitation_id] or same
    customer = given.customer_id or whose(same or asked, known)
    if customer is None:
        return None
    mine = [each for each in same if each.customer_id == customer]
    waiting = [each for each in mine if _waits(each, now)]
    if len(waiting) == 1:
        (ask,) = waiting
        return Subject(
            customer, ask.attribution, ask.invitation_id, ask.correlation, ask.attributes
        )
    newest = max(mine, key=lambda each: each.at, default=None)
    found_by_it = newest is not None and given.customer_id is None
    return Subject(customer, newest.attribution if newest and found_by_it else None)


def whose(asked: Collection[Invitation], known: Collection[str]) -> str | None:
    """Return the one customer of these asks, else the one that is known; None where none is."""
    customers = {each.customer_id for each in asked} or set(known)
    return customers.pop() if len(customers) == 1 else None


def _waits(ask: Invitation, now: datetime) -> bool:
    return ask.occurred_at <= now and isinstance(standing(ask, None, now), Fresh)
