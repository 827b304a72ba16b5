"""Brings a customer forward through time: moments wait, compete, and are decided once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from services.ask.decide.gates import decide, decide_early
from services.ask.decide.triggers import Found
from services.ask.model import (
    RESPONSE,
    Ask,
    Candidate,
    Decision,
    DecisionId,
    Facts,
    Later,
    Person,
    Seen,
    Silent,
)
from services.ask.policy import NOTHING, Book, Plan


class Verdict(NamedTuple):
    """What came of a moment. `plan` is None when it was given up: its touchpoint left the catalog,
    or its customer is nobody any more. `facts` are what it was decided on: enough to explain it
    later, however the customer's life went on."""

    candidate: Candidate
    plan: Plan | None
    facts: Facts
    decision: Decision


def begin(person: Person, found: Found, now: datetime) -> Verdict:
    """Take a moment that is not known yet: it waits, unless no later event can matter."""
    # What takes the reason away is looked for when it is judged: no early decision depends on it.
    facts, plan = _known(person, found.candidate), found.plan
    if found.problem is not None:
        return Verdict(found.candidate, plan, facts, Silent("rule_error", found.problem.problem))
    early = decide_early(facts, plan, now)
    if early:
        return Verdict(found.candidate, plan, facts, early)
    person.waiting[found.candidate.decision_id] = found.candidate
    return Verdict(found.candidate, plan, facts, Later(found.candidate.due_at))


def turn(person: Person, book: Book, now: datetime) -> Iterator[Verdict]:
    """Decide all that has waited long enough; what is put off waits on with a later `due_at`."""
    queue = [_place(each, book) for each in person.waiting.values()]
    heapify(queue)
    while queue and queue[0][0] <= now:
        place = heappop(queue)
        first = person.waiting.get(place[1])
        if first is None or _place(first, book) != place:
            continue  # it was judged with another, or put off
        winner: Candidate | None = None
        for candidate in _group(person, first, book, place[0]):
            verdict = _judge(person, candidate, book, winner, now)
            if isinstance(verdict.decision, Ask) and verdict.plan and not verdict.plan.exempt:
                winner = candidate
            elif isinstance(verdict.decision, Later):
                heappush(queue, _place(verdict.candidate, book))
            yield verdict


def give_up(person: Person, problem: str) -> list[Verdict]:
    """End all that waits of somebody who is nobody any more."""
    ends = Silent("not_eligible", problem)
    waiting, person.waiting = person.waiting, {}
    return [Verdict(each, None, _known(person, each), ends) for each in waiting.values()]


def released_at(candidate: Candidate, plan: Plan | None) -> datetime:
    """Return when a moment is judged: after the hold window, if it is useful for so long."""
    if plan is None or plan.hold == NOTHING:
        return candidate.due_at
    released = candidate.due_at + plan.hold
    usable = candidate.signal.occurred_at + plan.lag + plan.useful_for
    return released if released < usable else candidate.due_at


def _place(candidate: Candidate, book: Book) -> tuple[datetime, DecisionId]:
    """Return where a moment stands among those of its customer."""
    plan = book.plans.get(candidate.touchpoint)
    return released_at(candidate, plan), candidate.decision_id


def _group(person: Person, first: Candidate, book: Book, released: datetime) -> Sequence[Candidate]:
    """Return what is judged together: the first that is released, and all asks due until then."""
    if len(person.waiting) == 1 or not _competes(first, book):
        return (first,)
    group = [
        each
        for each in person.waiting.values()
        if each.due_at <= released and _competes(each, book)
    ]
    return sorted(group, key=lambda each: _rank(each, book))


def _competes(candidate: Candidate, book: Book) -> bool:
    plan = book.plans.get(candidate.touchpoint)
    return plan is not None and plan.act == "ask" and not plan.exempt


def _rank(candidate: Candidate, book: Book) -> tuple[int, datetime, str]:
    priority = book.plans[candidate.touchpoint].priority
    return -priority, candidate.signal.occurred_at, candidate.decision_id


def _judge(
    person: Person, candidate: Candidate, book: Book, winner: Candidate | None, now: datetime
) -> Verdict:
    plan = book.plans.get(candidate.touchpoint)
    if plan is None:
        del person.waiting[candidate.decision_id]
        facts = _known(person, candidate)
        return Verdict(candidate, None, facts, Silent("not_eligible"))
    facts = _facts(person, candidate, plan, winner)
    decision = decide(facts, plan, now)
    if isinstance(decision, Later):
        candidate = candidate.put_off(decision.due_at)
        person.waiting[candidate.decision_id] = candidate
        return Verdict(candidate, plan, facts, decision)
    del person.waiting[candidate.decision_id]
    if isinstance(decision, Ask) and not plan.exempt:
        person.history = person.history.after_ask(plan.touchpoint, candidate.signal.correlation)
    return Verdict(candidate, plan, facts, decision)


def _known(person: Person, candidate: Candidate) -> Facts:
    return Facts(candidate, person.contact, person.history, person.opt_outs, person.open_cases)


def _facts(
    person: Person, candidate: Candidate, plan: Plan, winner: Candidate | None = None
) -> Facts:
    return Facts(
        candidate=candidate,
        contact=person.contact,
        history=person.history,
        opt_outs=person.opt_outs,
        open_cases=person.open_cases,
        cancelled_by=_cancelled_by(person, candidate, plan),
        came=_came(person, candidate, plan),
        rival=winner,
    )


def _cancelled_by(person: Person, candidate: Candidate, plan: Plan) -> Seen | None:
    """Find what takes the reason away, whichever of the two was heard first."""
    signal = candidate.signal
    if not plan.cancel_on or signal.correlation is None:
        return None
    for each in _since(person, signal.occurred_at):
        if each.name in plan.cancel_on and each.correlation == signal.correlation:
            return each
    return None


def _came(person: Person, candidate: Candidate, plan: Plan) -> Seen | None:
    """Find the first of what should not have come, after the signal and within the span."""
    absence, signal = plan.absence, candidate.signal
    if absence is None:
        return None
    key = (signal.source, signal.source_event_id)
    until = signal.occurred_at + absence.within
    for each in _since(person, signal.occurred_at):
        if each.name not in absence.awaited or each.at > until:
            continue
        anybody = each.name == RESPONSE or not absence.by_correlation
        if each.key != key and (anybody or each.correlation == signal.correlation):
            return each
    return None


def _since(person: Person, at: datetime) -> list[Seen]:
    seen = person.seen
    return seen[bisect_left(seen, at, key=lambda each: each.at) :] if seen else seen
