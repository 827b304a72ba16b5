"""What happens to a case because time passed: warnings, breaches, escalation, the quiet close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from services.close.decide import clocks
from services.close.decide.changes import changed
from services.close.model import OPEN, Case, Changed
from shared.contracts.cases import CaseEvent, Deadline, EscalationAt, warned_at

AtWork: TypeAlias = Callable[[str, datetime], bool]
"""Says whether somebody of a team is at work."""

WARNINGS = (0.5, 0.8)
LAST = 2.0
"""At this share of a target the fallback team is told, whatever else is configured."""

DAY = 86400


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to do when a share of a target is used up."""

    share: float
    kind: Literal["warn", "breach", "return", "escalate", "remind"]
    team: str = ""
    skip_if_empty: bool = False


def tick(case: Case, now: datetime, at_work: AtWork) -> list[Changed]:
    """Return everything that was due by now, each once, in the order in which it was due."""
    changes: list[Changed] = []
    while (change := _due(case, now, at_work)) is not None:
        changes.append(change)
        case = change.case
    return changes


def next_at(case: Case) -> datetime | None:
    """Return when time will next do something to the case; None when it never will."""
    return min((at for at, _ in _ahead(case)), default=None)


def soon_at(case: Case) -> datetime | None:
    """Return from when on the case is due soon: its last warning; None when nothing is awaited."""
    calendar = clocks.calendar_of(case.event)
    return min((clocks.moment(each, WARNINGS[-1], calendar) for each in case.running), default=None)


def escalated(case: Case, reason: str, now: datetime, at_work: AtWork) -> Changed:
    """Tell whoever is told when the target has passed, now and for this reason."""
    steps = [mark for mark in _marks(case.event, "resolve") if mark.kind == "escalate"]
    team = _told(steps, now, at_work)
    return changed(case, "escalated", reason, {"actor": "close", "escalated_to": team}, now)


def _due(case: Case, now: datetime, at_work: AtWork) -> Changed | None:
    ahead = min(_ahead(case), key=lambda each: each[0], default=None)
    if ahead is None or now <= ahead[0]:
        # Whatever is done at the very instant of a deadline is done in time.
        return None
    what = ahead[1]
    if isinstance(what, Deadline):
        return _reached(case, what, now, at_work)
    by_itself = {"actor": "close", "state": what}
    if what == "contacted":
        return changed(case, "resumed", "waited_long_enough", by_itself, now)
    return changed(case, "closed", "quiet_period", by_itself, now)


def _ahead(
    case: Case,
) -> Iterator[tuple[datetime, Deadline | Literal["contacted", "closed_unconfirmed"]]]:
    event = case.event
    if event.state == "resolved":
        confirm = case.deadline("confirm")
        if confirm is not None:
            yield confirm.due_at, "closed_unconfirmed"
    if event.state in OPEN:
        calendar = clocks.calendar_of(event)
        for deadline in case.running:
            mark = _mark(event, deadline)
            # Of several clocks that are over for long one reminds: the first that is not stopped.
            if mark.kind != "remind" or deadline == case.running[0]:
                yield clocks.moment(deadline, mark.share, calendar), deadline
    if event.waiting_until is not None:
        yield event.waiting_until, "contacted"


def _reached(case: Case, deadline: Deadline, now: datetime, at_work: AtWork) -> Changed:
    event, calendar = case.event, clocks.calendar_of(case.event)
    # After an outage nobody needs the warnings that have been overtaken.
    while _mark(event, deadline).kind in ("warn", "remind"):
        later = deadline.model_copy(update={"told": deadline.told + 1})
        if clocks.moment(later, _mark(event, later).share, calendar) >= now:
            break
        deadline = later
    mark = _mark(event, deadline)
    told = deadline.told + 1
    back = event.state == "acknowledged"
    if mark.kind == "breach" and deadline.clock == "contact" and not back:
        told += 1
    seen = deadline.model_copy(update={"told": told})
    deadlines = tuple(seen if each.clock == seen.clock else each for each in event.deadlines)
    return _changed(case.with_deadlines(deadlines), seen, mark, now, at_work)


def _changed(case: Case, deadline: Deadline, mark: Mark, now: datetime, at_work: AtWork) -> Changed:
    clock, close = deadline.clock, {"actor": "close"}
    match mark.kind:
        case "warn":
            return changed(case, "warned", warned_at(clock, mark.share), close, now)
        case "breach":
            made = changed(case, "breached", f"{clock}_overdue", close, now)
            return replace(made, ran_out=made.case.deadline(clock))
        case "return":
            back = {**close, "state": "assigned", "assignee": None, "escalated_to": case.event.team}
            return changed(case, "escalated", "no_contact_in_time", back, now)
        case "escalate":
            ahead = [each for each in _marks(case.event, clock)[deadline.told - 1 :]]
            team = _told([each for each in ahead if each.kind == "escalate"], now, at_work)
            told = {**close, "escalated_to": team}
            return changed(case, "escalated", f"{clock}_overdue", told, now)
        case "remind":
            told = {**close, "escalated_to": mark.team}
            return changed(case, "escalated", f"{clock}_still_overdue", told, now)


def _told(steps: list[Mark], now: datetime, at_work: AtWork) -> str:
    """Return the first team that is there; the last one, the fallback, is never skipped."""
    return next(each.team for each in steps if not each.skip_if_empty or at_work(each.team, now))


def _mark(event: CaseEvent, deadline: Deadline) -> Mark:
    """Return what the clock comes to next; it never comes to an end while it runs."""
    marks = _marks(event, deadline.clock)
    over = deadline.told - len(marks)
    if over < 0:
        return marks[deadline.told]
    daily = max(1.0, DAY / deadline.target_seconds)
    return Mark(marks[-1].share + (over + 1) * daily, "remind", _fallback(event))


def _marks(event: CaseEvent, clock: str) -> list[Mark]:
    marks = [*(Mark(share, "warn") for share in WARNINGS), Mark(1.0, "breach")]
    if clock == "contact":
        marks.append(Mark(1.0, "return"))
    return sorted([*marks, *_escalation(event)], key=lambda mark: mark.share)


def _escalation(event: CaseEvent) -> list[Mark]:
    fallback = _fallback(event)
    steps = event.policy.escalation if event.policy else ()
    told = [each for step in steps for each in _repeated(step)] or [Mark(1.0, "escalate", fallback)]
    told.sort(key=lambda mark: mark.share)
    last = max(LAST, told[-1].share)
    if told[-1] != Mark(last, "escalate", fallback):
        told.append(Mark(last, "escalate", fallback))
    return told


def _repeated(step: EscalationAt) -> Iterator[Mark]:
    for times in range(step.repeat + 1):
        yield Mark(step.at + times, "escalate", step.team, step.skip_if_empty)


def _fallback(event: CaseEvent) -> str:
    return event.policy.fallback if event.policy else event.team
