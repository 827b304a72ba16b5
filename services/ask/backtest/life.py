"""Customers under one catalog, on a clock that only events and what is due move forward."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush

from services.ask.backtest.said import Said
from services.ask.decide.heard import DONE
from services.ask.decide.ladder import Course, climb
from services.ask.decide.memory import Lately, Memory
from services.ask.decide.rhythm import next_slot, signal
from services.ask.decide.triggers import Found, candidate, in_segment
from services.ask.decide.turns import Verdict
from services.ask.model import Ask, Broken, Contact, Person
from services.ask.policy import Book, book
from services.ask.retention import signals_kept
from shared.catalog.catalog import Catalog, NotInCatalog
from shared.catalog.scales import band
from shared.contracts.base import Band
from shared.contracts.cases import CaseEvent
from shared.contracts.responses import OptOut, OptOutLifted, Response
from shared.contracts.signals import Answer, CustomerErased, Profile

REACHABLE = Contact(email="assumed", phone="assumed")
"""The card of everybody where the input holds no cards at all."""

CARD = tuple(
    name for name in Contact.__dataclass_fields__ if name not in ("rung", "consent_source")
)
Sink = Callable[[Verdict, datetime], None]


@dataclass(slots=True)
class _More:
    """What a store knows of a customer besides the person: versions of cases, answers by band."""

    cases: dict[str, int] = field(default_factory=dict)
    bands: list[tuple[datetime, Band]] = field(default_factory=list)
    signals: int = 0


class Life:
    """Hears one thing after the other; each decision goes to `sink` at the moment it is made.

    Sends are accepted at once. What is heard must be in the order of time.
    """

    def __init__(self, catalog: Catalog, sink: Sink, card: Contact | None = None) -> None:
        self.book = book(catalog)
        self._catalog = catalog
        self._sink = sink
        self._card = card
        self._memory = Memory(
            self.book,
            known=Lately(catalog.policy.retention.decisions),
            heard=Lately(signals_kept(catalog)),
        )
        self._more: defaultdict[str, _More] = defaultdict(_More)
        self._slots: list[tuple[datetime, str, str]] = []
        self._reach = _reach(self.book)
        self._climbs = _climbs(catalog)

    def hear(self, said: Said) -> None:
        """Let everything happen that was due before, then this."""
        self._until(said.at)
        body, signal = said.body, said.signal
        person = self._person(body.customer_id, said.at)
        if body is not signal:
            self._know(person, said)
        if signal is not None and signal.signal in self.book.heard:
            self._decided(self._memory.take(signal, said.at), said.at)
            self._let_go(person, said.at)
        if self._climbs:
            self._climb(person, said)

    def finish(self, end: datetime) -> list[str]:
        """Decide what still waits, and return the touchpoints of what nobody can know yet: whether
        something came that was awaited until after the end of the input."""
        self._until(end)
        self._slots.clear()
        unknown: list[str] = []
        for person in self._memory.people.values():
            for moment in list(person.waiting.values()):
                plan = self.book.plans[moment.touchpoint]
                if plan.absence and moment.signal.occurred_at + plan.lag > end:
                    unknown.append(moment.touchpoint)
                    del person.waiting[moment.decision_id]
        while self._memory.releases:
            self._wake(self._memory.releases[0][0])
        return unknown

    @property
    def customers(self) -> int:
        """How many customers anything is known of."""
        return len(self._memory.people)

    # --- time --------------------------------------------------------------------------------

    def _until(self, at: datetime) -> None:
        releases, slots = self._memory.releases, self._slots
        while (releases and releases[0][0] <= at) or (slots and slots[0][0] <= at):
            if slots and (not releases or slots[0][0] < releases[0][0]):
                self._rhythm(*heappop(slots))
            else:
                self._wake(releases[0][0])

    def _wake(self, at: datetime) -> None:
        self._decided(self._memory.wake(at), at)

    def _rhythm(self, at: datetime, touchpoint: str, customer: str) -> None:
        plan, person = self.book.plans[touchpoint], self._memory.people[customer]
        slot = next_slot(plan, customer, at)
        heappush(self._slots, (slot.at, touchpoint, customer))
        concerned = in_segment(person.contact, plan)
        if concerned is False:
            return
        # The moment that has come is the last one before the next.
        now = replace(slot, number=slot.number - 1, at=at)
        problem = concerned if isinstance(concerned, Broken) else None
        found = Found(candidate(plan, signal(plan, customer, now)), plan, problem)
        self._decided(self._memory.visit(person, [found], at), at)

    # --- what is known -----------------------------------------------------------------------

    def _person(self, customer: str, at: datetime) -> Person:
        people = self._memory.people
        person = people.get(customer)
        if person is not None:
            return person
        person = self._memory.person(customer)
        if self._card is not None:
            person.contact = self._card
        for plan in self.book.rhythms:
            slot = next_slot(plan, customer, at)
            heappush(self._slots, (slot.at, plan.touchpoint, customer))
        return person

    def _know(self, person: Person, said: Said) -> None:
        match said.body:
            case Profile() as profile:
                person.contact = _updated(person.contact, profile)
            case OptOut(touchpoint=touchpoint):
                person.opt_outs = person.opt_outs | {touchpoint}
            case OptOutLifted(touchpoint=touchpoint):
                person.opt_outs = person.opt_outs - {touchpoint}
            case CaseEvent() as case:
                self._follow(person, case)
            case Answer() | Response() as answer:
                if answer.score is not None:
                    self._memory.answered(answer.customer_id, answer.touchpoint, said.at)
            case CustomerErased():
                person.contact, person.waiting = Contact(), {}
            case _:
                pass

    def _follow(self, person: Person, case: CaseEvent) -> None:
        versions = self._more[person.customer_id].cases
        if versions.get(case.case_id, 0) >= case.version:
            return
        versions[case.case_id] = case.version
        others = person.open_cases - {case.case_id}
        person.open_cases = others if case.state in DONE else others | {case.case_id}

    def _climb(self, person: Person, said: Said) -> None:
        more = self._more[person.customer_id]
        more.signals += said.signal is not None and said.signal.signal in self.book.heard
        quality = band_of(self._catalog, said)
        if quality is not None:
            more.bands.append((said.at, quality))
        elif person.contact.rung != "prospect":
            return
        ladder = self._catalog.policy.ladder
        bands = [each for at, each in more.bands if at >= said.at - ladder.within]
        rung = climb(person.contact, Course(bands, more.signals), ladder)
        if not isinstance(rung, Broken):
            person.contact = replace(person.contact, rung=rung)

    def _let_go(self, person: Person, at: datetime) -> None:
        earliest, seen = at - self._reach, person.seen
        if seen and seen[0].at < earliest:
            del seen[: bisect_left(seen, earliest, key=lambda each: each.at)]

    # --- what comes of it ----------------------------------------------------------------------

    def _decided(self, verdicts: Iterable[Verdict], now: datetime) -> None:
        for verdict in verdicts:
            if isinstance(verdict.decision, Ask):
                self._memory.accepted(verdict, now)
            self._sink(verdict, now)


def band_of(catalog: Catalog, said: Said) -> Band | None:
    """Return the quality of an answer; None where it is none, or its touchpoint is unknown."""
    match said.body:
        case Response(band=quality):
            return quality
        case Answer(touchpoint=touchpoint, score=score):
            try:
                return band(catalog.survey_of(touchpoint).metric, score)
            except (NotInCatalog, ValueError):
                return None
        case _:
            return None


def _updated(contact: Contact, profile: Profile) -> Contact:
    known = {name: getattr(profile, name, None) for name in CARD}
    return replace(contact, **{name: value for name, value in known.items() if value is not None})


def _reach(plans: Book) -> timedelta:
    spans = (plan.lag + plan.useful_for for plan in plans.plans.values())
    return max((plans.looks_back, *spans))


def _climbs(catalog: Catalog) -> bool:
    """Say whether any rule of a touchpoint asks how far a customer has come."""
    rules = (
        getattr(each.on, "when", None) or getattr(each.on, "segment", None)
        for each in catalog.touchpoints
    )
    return any(rule is not None and "rung" in rule.words for rule in rules)
