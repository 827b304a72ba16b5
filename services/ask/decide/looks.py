"""What of a customer's past a decision may depend on: never all of it, however much there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.ask.model import RESPONSE, Candidate
from services.ask.policy import Book, Plan
from shared.contracts.signals import Signal


@dataclass(frozen=True, slots=True)
class Counting:
    """The signals around a new one that count for the same touchpoint.

    So many before it as are counted at most; and so many after it as may lack it to be enough: any
    later one has enough without it. `correlation` is None where all of the customer's count.
    """

    customer_id: str
    touchpoint: str
    correlation: str | None
    at: datetime
    within: timedelta
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Coming:
    """The first signals of a name that came from a moment on; `until` None is without end."""

    customer_id: str
    name: str
    correlation: str | None
    since: datetime
    until: datetime | None


def counting(signal: Signal, book: Book) -> Iterator[Counting]:
    """Yield what counts are made of that a new signal may complete."""
    for plan in book.on_signal.get(signal.signal, ()):
        count = plan.count
        if count is None or (count.by_correlation and signal.correlation is None):
            continue
        yield Counting(
            signal.customer_id,
            plan.touchpoint,
            signal.correlation if count.by_correlation else None,
            signal.occurred_at,
            count.within,
            count.at_most,
            count.at_least,
        )


def coming(moment: Candidate, plan: Plan) -> Iterator[Coming]:
    """Yield what takes a moment's reason away, or shows that it was no silence."""
    signal = moment.signal
    customer, about, since = signal.customer_id, signal.correlation, signal.occurred_at
    if about is not None:
        for name in sorted(plan.cancel_on):
            yield Coming(customer, name, about, since, None)
    absence = plan.absence
    if absence is None:
        return
    for name in sorted(absence.awaited):
        anybody = name == RESPONSE or not absence.by_correlation
        if anybody or about is not None:
            until = since + absence.within
            yield Coming(customer, name, None if anybody else about, since, until)
