"""What was heard of customers, and moments whose time has come: load, decide, write it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from prometheus_client import Histogram

from services.ask import ladder, lives, people, sends, store
from services.ask.decide.heard import signal_of
from services.ask.decide.looks import Coming, coming, counting
from services.ask.decide.triggers import Found, hear
from services.ask.decide.turns import Verdict, begin, give_up, turn
from services.ask.model import DecisionId, Person, Seen
from services.ask.policy import Book, book
from services.ask.record import Recorder, come_back, withdrawn
from services.ask.reports import checked
from shared import db
from shared.catalog.catalog import Catalog
from shared.consume import Item, own_messages
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import OptOut, Response
from shared.contracts.signals import CustomerErased, Profile, Signal
from shared.erasure import is_stand_in
from shared.links import Links
from shared.records import Record
from shared.timers import Timer

Body = TypeVar("Body")
Heard = tuple[Signal, str | None]
"""A signal and the trace it came with."""

ERASED = "the customer was erased"


def parse(record: Record) -> Sequence[Item[Event]]:
    """Read a record; free feedback, and answers of nobody known, are no business of asking."""
    concerns = (Signal, Profile, OptOut, CustomerErased, Response, CaseEvent)
    items = [
        item
        for item in own_messages(record)
        if isinstance(item.value.body, concerns) and not getattr(item.value.body, "anonymous", 0)
    ]
    for item in items:
        if isinstance(item.value.body, Signal):
            checked(item.value.body)
    return items


class Desk:
    """Decides about moments, many at once. All of it happens in the caller's transaction."""

    def __init__(
        self, catalog: Callable[[], Catalog], links: Links, public_url: str, delays: Histogram
    ) -> None:
        self._catalog = catalog
        self._recorder = Recorder(catalog, links, public_url, delays)

    async def hear(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Take what is said of customers, then signals: an address that came along counts."""
        events = await people.hear(connection, [item.value for item in items])
        profiles = _bodies(events, Profile)
        await lives.add_customers(connection, (each.customer_id for each in profiles))
        plans = book(self._catalog())
        heard = [(signal, e.traceparent) for e in events if (signal := signal_of(e)) is not None]
        heard = [each for each in heard if each[0].signal in plans.heard]
        answers, cases = _bodies(events, Response), _bodies(events, CaseEvent)
        customers = {each.customer_id for each in answers} | {each.customer_id for each in cases}
        customers |= {signal.customer_id for signal, _ in heard}
        if customers:
            await lives.lock(connection, customers)
        await lives.save_answers(connection, answers)
        await sends.mark_answered(connection, _answered(answers))
        await lives.save_cases(connection, cases)
        if heard:
            await self._take(connection, plans, heard, now)
        names = (signal.customer_id for signal, _ in heard)
        await ladder.keep(connection, self._catalog().policy.ladder, answers, names, now)

    async def reconsider(
        self, connection: db.Connection, due: Sequence[Timer], now: datetime
    ) -> None:
        """Decide about moments that have waited long enough."""
        ids = [timer.ref.partition("@")[0] for timer in due]
        customers = await lives.customers_of_waiting(connection, ids)
        if not customers:
            return
        await lives.lock(connection, customers)
        persons = await lives.load(connection, customers, now)
        plans = book(self._catalog())
        await self._turn(connection, plans, persons, [], now)
        # The catalog may have changed, and let them wait longer: these were their only timers.
        waiting = [each for person in persons.values() for each in person.waiting.values()]
        await come_back(connection, plans, [each for each in waiting if each.decision_id in ids])

    async def visit(
        self, connection: db.Connection, plans: Book, found: Sequence[Found], now: datetime
    ) -> None:
        """Take moments that no event made; their customers' turn comes at once."""
        customers = sorted({each.candidate.signal.customer_id for each in found})
        await lives.lock(connection, customers)
        persons = await lives.load(connection, customers, now)
        await self._turn(connection, plans, persons, found, now)

    async def _take(
        self, connection: db.Connection, plans: Book, heard: Sequence[Heard], now: datetime
    ) -> None:
        fresh = await _unheard(connection, heard)
        if not fresh:
            return
        customers = sorted({signal.customer_id for signal, _ in fresh})
        persons = await lives.load(connection, customers, now)
        looks = (look for signal, _ in fresh for look in counting(signal, plans))
        await lives.look_back(connection, persons, looks)
        kept: list[tuple[Signal, Seen]] = []
        found: list[Found] = []
        for signal, traceparent in fresh:
            seen, more = hear(persons[signal.customer_id], signal, plans, traceparent)
            kept.append((signal, seen))
            found += more
        await lives.remember(connection, kept, now)
        await _withdraw(connection, plans, [signal for signal, _ in fresh], now)
        await self._turn(connection, plans, persons, found, now)

    async def _turn(
        self,
        connection: db.Connection,
        plans: Book,
        persons: dict[str, Person],
        found: Sequence[Found],
        now: datetime,
    ) -> None:
        """Let new moments begin, and everybody have their turn."""
        unique: dict[DecisionId, Found] = {}
        for each in found:
            unique.setdefault(each.candidate.decision_id, each)
        known = await store.known_decisions(connection, list(unique)) if unique else set()
        verdicts: list[Verdict] = [
            begin(persons[each.candidate.signal.customer_id], each, now)
            for key, each in unique.items()
            if key not in known
        ]
        await lives.look_for(connection, persons, _looks(plans, persons, now))
        for person in persons.values():
            erased = is_stand_in(person.customer_id)
            verdicts += give_up(person, ERASED) if erased else turn(person, plans, now)
        await self._recorder.write(connection, plans, verdicts, now)


def _looks(plans: Book, persons: Mapping[str, Person], now: datetime) -> Iterator[Coming]:
    """Yield what may have come, for the moments that can be judged now."""
    for person in persons.values():
        for moment in person.waiting.values():
            plan = plans.plans.get(moment.touchpoint)
            if plan is not None and moment.due_at <= now:
                yield from coming(moment, plan)


async def _unheard(connection: db.Connection, heard: Sequence[Heard]) -> list[Heard]:
    """Return what was not heard before, each once."""
    before = await lives.heard_before(connection, [signal for signal, _ in heard])
    unique = {lives.identity(each[0]): each for each in reversed(heard)}
    return [
        each
        for each in heard
        if lives.identity(each[0]) not in before and unique[lives.identity(each[0])] is each
    ]


async def _withdraw(
    connection: db.Connection, plans: Book, signals: Sequence[Signal], now: datetime
) -> None:
    """Take back asks that were decided, and not sent yet, when their reason goes away."""
    wanted = [
        (each.customer_id, plan.touchpoint, each.correlation, each.occurred_at)
        for each in signals
        if each.correlation is not None
        for plan in plans.cancels.get(each.signal, ())
    ]
    gone = await store.withdraw(connection, wanted)
    if gone:
        await withdrawn(connection, gone, now)


def _answered(answers: Sequence[Response]) -> dict[UUID, datetime]:
    """Return when each ask was answered first: a page that was only begun is no answer."""
    first: dict[UUID, datetime] = {}
    for each in answers:
        ask = _uuid(each.invitation_id or "")
        if ask is not None and each.score is not None:
            first[ask] = min(each.received_at, first.get(ask, each.received_at))
    return first


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _bodies(events: Sequence[Event], kind: type[Body]) -> list[Body]:
    return [event.body for event in events if isinstance(event.body, kind)]
