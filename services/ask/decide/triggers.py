"""Which touchpoints a signal means: alone, as one of many, or as the start of a silence."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from pydantic import JsonValue

from services.ask.model import NOTHING_FOUND, Broken, Candidate, Contact, Person, Seen, decision_id
from services.ask.policy import Book, Count, Plan
from shared.catalog.fields import SIGNAL_RULES
from shared.contracts.base import Attribution, Stage
from shared.contracts.signals import Signal
from shared.rules import Condition, RuleFailed

NOBODY: frozenset[str] = frozenset()


class Found(NamedTuple):
    """A moment that a signal means. Whether it was decided before, only the store knows."""

    candidate: Candidate
    plan: Plan
    problem: Broken | None = None


def hear(
    person: Person, signal: Signal, book: Book, traceparent: str | None = None
) -> tuple[Seen, list[Found]]:
    """Remember a signal, and find the moments that it makes; the signal must not be known yet."""
    counting: list[Plan] = []
    found: list[Found] = []
    for plan, verdict in match(signal, person.contact, book.on_signal.get(signal.signal, ())):
        if isinstance(verdict, Broken):
            found.append(_found(plan, signal, traceparent, {}, verdict))
        elif plan.count:
            counting.append(plan)
        else:
            found.append(_found(plan, signal, traceparent, {}))
    seen = Seen(
        name=signal.signal,
        at=signal.occurred_at,
        correlation=signal.correlation,
        key=(signal.source, signal.source_event_id),
        counts_for=frozenset(plan.touchpoint for plan in counting) if counting else NOBODY,
        signal=signal if counting else None,
        traceparent=traceparent if counting else None,
    )
    _keep(person.seen, seen)
    for plan in counting:
        found += _counted(person, seen, plan)
    return seen, found


def match(
    signal: Signal, contact: Contact, plans: Iterable[Plan]
) -> Iterator[tuple[Plan, Literal[True] | Broken]]:
    """Yield the plans whose condition holds, and those whose condition broke."""
    inputs: dict[str, object] = {}
    for plan in plans:
        if plan.when is None:
            yield plan, True
            continue
        inputs = inputs or {"signal": vars(signal), "profile": contact.profile()}
        verdict = _holds(plan.when, inputs)
        if verdict is not False:
            yield plan, verdict


def in_segment(contact: Contact, plan: Plan) -> bool | Broken:
    """Return whether a rhythm concerns this customer."""
    if plan.rhythm is None or plan.rhythm.segment is None:
        return True
    try:
        return plan.rhythm.segment.holds({"profile": contact.profile()})
    except RuleFailed as error:
        return Broken(error.reason)


def attribution(signal: Signal, plan: Plan) -> Attribution:
    """Copy at event time who and what the moment belonged to."""
    return _attribution(
        _text(signal, "team") or plan.owner,
        _text(signal, "agent"),
        plan.stage,
        _text(signal, "product"),
    )


@lru_cache(maxsize=1024)
def _attribution(
    team: str | None, agent: str | None, stage: Stage | None, product: str | None
) -> Attribution:
    # There are few, and making one takes as long as a decision.
    return Attribution(team=team, agent=agent, stage=stage, product=product)


def candidate(
    plan: Plan,
    signal: Signal,
    traceparent: str | None = None,
    evidence: Mapping[str, JsonValue] | None = None,
) -> Candidate:
    """Return the moment that a signal makes at a touchpoint."""
    return Candidate(
        decision_id=decision_id(signal, plan.touchpoint),
        touchpoint=plan.touchpoint,
        signal=signal,
        attribution=attribution(signal, plan),
        due_at=signal.occurred_at + plan.lag + plan.delay,
        evidence=evidence or NOTHING_FOUND,
        traceparent=traceparent,
    )


def _found(
    plan: Plan,
    signal: Signal,
    traceparent: str | None,
    evidence: Mapping[str, JsonValue],
    problem: Broken | None = None,
) -> Found:
    return Found(candidate(plan, signal, traceparent, evidence), plan, problem)


def _counted(person: Person, new: Seen, plan: Plan) -> Iterator[Found]:
    """Yield every signal that the new one makes the last of enough: itself, and later ones that
    came before it, so that the order of arrival makes no difference."""
    count = plan.count
    assert count is not None  # noqa: S101  (the caller keeps those apart; for the type checker)
    alike = [each for each in person.seen if _counts_with(each, new, plan, count)]
    for last in alike:
        if not new.at <= last.at <= new.at + count.within or last.signal is None:
            continue
        within = [each for each in alike if last.at - count.within <= each.at <= last.at]
        within = within[-count.at_most :]
        if len(within) >= count.at_least:
            evidence: dict[str, JsonValue] = {
                "counted": len(within),
                "at_least": count.at_least,
                "within_seconds": count.within.total_seconds(),
                "first_at": within[0].at.isoformat(),
            }
            yield _found(plan, last.signal, last.traceparent, evidence)


def _counts_with(each: Seen, new: Seen, plan: Plan, count: Count) -> bool:
    if plan.touchpoint not in each.counts_for:
        return False
    if count.by_correlation:
        return new.correlation is not None and each.correlation == new.correlation
    return True


def _holds(when: Condition, inputs: Mapping[str, object]) -> bool | Broken:
    try:
        # Preparing takes longer than answering: nothing but what this rule may read.
        return when.holds(SIGNAL_RULES.bind(inputs, paths=when.reads))
    except RuleFailed as error:
        return Broken(error.reason)


def _keep(known: list[Seen], new: Seen) -> None:
    """Put a signal in its place; nearly always that is the end."""
    if known and new.at < known[-1].at:
        insort(known, new, key=lambda each: each.at)
    else:
        known.append(new)


def _text(signal: Signal, name: str) -> str | None:
    value = signal.attributes.get(name)
    return value if isinstance(value, str) and value else None
