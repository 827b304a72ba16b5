"""Customers kept in memory: the store for whoever replays events without a database."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush

from services.ask.decide.triggers import Found, hear
from services.ask.decide.turns import Verdict, begin, released_at, turn
from services.ask.model import History, Later, Person
from services.ask.policy import Book
from shared.contracts.signals import Signal


class Lately:
    """What was met within a span at least; without a span, ever."""

    def __init__(self, span: timedelta | None = None) -> None:
        self._span = span
        self._ends: datetime | None = None
        self._before: set[Hashable] = set()
        self._now: set[Hashable] = set()

    def meets(self, it: Hashable, now: datetime) -> bool:
        """Say whether it is new, and remember it."""
        if self._span and (self._ends is None or now >= self._ends):
            # What is in neither set was met longer ago than a whole span.
            outdated = self._ends is None or now >= self._ends + self._span
            self._before = set() if outdated else self._now
            self._now, self._ends = set(), now + self._span
        if it in self._now or it in self._before:
            return False
        self._now.add(it)
        return True


@dataclass(slots=True)
class Memory:
    """Keeps the same contract as the database: each signal is heard once, each moment decided once.

    What is asked stays on its way until `accepted` or `failed` is called, as in life.
    """

    book: Book
    people: dict[str, Person] = field(default_factory=dict)
    known: Lately = field(default_factory=Lately)
    heard: Lately = field(default_factory=Lately)
    releases: list[tuple[datetime, str]] = field(default_factory=list)

    def person(self, customer_id: str) -> Person:
        """Return a customer, who is new when nothing is known of them."""
        person = self.people.get(customer_id)
        if person is None:
            person = self.people[customer_id] = Person(customer_id)
        return person

    def take(self, signal: Signal, now: datetime) -> list[Verdict]:
        """Hear a signal, and decide all that is released by it."""
        identity = (signal.source, signal.source_event_id, signal.signal)
        if signal.signal not in self.book.heard or not self.heard.meets(identity, now):
            return []
        person = self.person(signal.customer_id)
        _, found = hear(person, signal, self.book)
        return self.visit(person, found, now)

    def visit(self, person: Person, found: list[Found], now: datetime) -> list[Verdict]:
        """Let moments begin, and their customer have a turn."""
        decided = self._decided(
            begin(person, each, now)
            for each in found
            if self.known.meets(each.candidate.decision_id, now)
        )
        # While nobody's time has come, theirs has not.
        if self.releases and self.releases[0][0] <= now:
            decided += self._turn(person, now)
        return decided

    def wake(self, now: datetime) -> Iterator[Verdict]:
        """Decide what has waited long enough, in the order in which it was released."""
        while self.releases and self.releases[0][0] <= now:
            _, customer = heappop(self.releases)
            yield from self._turn(self.people[customer], now)

    def accepted(self, verdict: Verdict, now: datetime) -> None:
        """Write down that a channel took an ask."""
        if verdict.plan is None or verdict.plan.exempt:
            return
        person = self.people[verdict.candidate.signal.customer_id]
        past = person.history
        sent = {**past.sent, verdict.plan.touchpoint: now}
        person.history = History(now, False, past.asked, sent, past.answered)

    def failed(self, verdict: Verdict) -> None:
        """Write down that an ask never reached anyone."""
        if verdict.plan is None or verdict.plan.exempt:
            return
        person = self.people[verdict.candidate.signal.customer_id]
        pair = (verdict.plan.touchpoint, verdict.candidate.signal.correlation or "")
        asked = person.history.asked - {pair}
        person.history = replace(person.history, pending=False, asked=asked)

    def answered(self, customer_id: str, touchpoint: str, at: datetime) -> None:
        """Write down an answer."""
        person = self.person(customer_id)
        answers = person.history.answered
        newest = max(at, answers.get(touchpoint, at))
        person.history = replace(person.history, answered={**answers, touchpoint: newest})

    def _turn(self, person: Person, now: datetime) -> list[Verdict]:
        """Decide what a customer has waited for long enough."""
        return self._decided(turn(person, self.book, now)) if person.waiting else []

    def _decided(self, verdicts: Iterable[Verdict]) -> list[Verdict]:
        """Return what is decided; what waits comes back by itself."""
        decided: list[Verdict] = []
        for each in verdicts:
            if isinstance(each.decision, Later):
                at = released_at(each.candidate, each.plan)
                heappush(self.releases, (at, each.candidate.signal.customer_id))
            else:
                decided.append(each)
        return decided
