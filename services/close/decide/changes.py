"""How a change comes about: one place gives out versions, stops clocks and starts them afresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.close.decide import clocks
from services.close.model import DONE, OPEN, Case, Changed, EventType
from shared.business_time import Calendar
from shared.contracts.cases import CaseEvent, CaseState, Clock, Deadline

_STOPS: Mapping[EventType, Clock] = {
    "acknowledged": "acknowledge",
    "contacted": "contact",
    "resolved": "resolve",
}
_PASSING = {"note": None, "escalated_to": None, "raised_from": None}
"""Belongs to one event only: the next one does not say it again."""


def changed(
    case: Case, type: EventType, reason: str, changes: Mapping[str, Any], now: datetime
) -> Changed:
    """Return the case with the changes and all that follows from them."""
    before = case.event
    version = before.version + 1
    state: CaseState = changes.get("state", before.state)
    deadlines: tuple[Deadline, ...] = changes.get("deadlines", before.deadlines)
    calendar = clocks.calendar_of(before)
    after = tuple(_moved(each, type, state, now, calendar) for each in deadlines)
    event = before.model_copy(
        update={
            **_PASSING,
            **changes,
            "version": version,
            "previous": before.state,
            "at": now,
            "reason": reason,
            "deadlines": after,
            "waiting_until": changes.get("waiting_until", before.waiting_until)
            if state == "waiting_customer"
            else None,
        }
    )
    if _is_other(before, event):
        event = event.model_copy(update={"acted_version": version})
    pairs = zip(deadlines, after, strict=True)
    met = tuple(new for old, new in pairs if old.met_at is None and new.met_at is not None)
    return Changed(replace(case, event=event), type, met)


def reopened(
    case: Case, type: EventType, reason: str, changes: Mapping[str, Any], now: datetime
) -> Changed:
    """Give the case back to its team in a new cycle; the past one stays as it was told."""
    calendar, cycle = clocks.calendar_of(case.event), case.cycle + 1
    deadlines = tuple(
        clocks.begin(each, now, cycle, calendar) if clocks.is_ours(each) else each
        for each in case.event.deadlines
        if each.clock != "confirm"
    )
    again = {**changes, "state": "assigned", "assignee": None, "deadlines": deadlines}
    made = changed(case, type, reason, again, now)
    return replace(made, case=replace(made.case, cycle=cycle), reopened=True)


def _is_other(before: CaseEvent, after: CaseEvent) -> bool:
    return (before.state, before.team, before.assignee) != (after.state, after.team, after.assignee)


def _moved(
    deadline: Deadline, type: EventType, state: CaseState, now: datetime, calendar: Calendar
) -> Deadline:
    """Bring one clock to where the change leaves it."""
    if deadline.met_at is not None or not clocks.is_ours(deadline):
        return deadline
    if deadline.clock == _STOPS.get(type):
        return clocks.stop(deadline, now, calendar)
    if state not in OPEN:
        return deadline if state in DONE else clocks.pause(deadline, now, calendar)
    if state == "waiting_customer" and deadline.clock == "resolve":
        return clocks.pause(_late(deadline, now), now, calendar)
    return _late(clocks.go_on(deadline, now, calendar), now)


def _late(deadline: Deadline, now: datetime) -> Deadline:
    late = deadline.breached or clocks.is_past(deadline, now)
    return deadline.model_copy(update={"breached": late})
