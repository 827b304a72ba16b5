"""The heart: what an action makes of a case, or why it may not happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from services.close.model import (
    CLOCKS,
    DONE,
    TERMINAL,
    Action,
    ActionName,
    Attach,
    Case,
    Changed,
    EventType,
    PersonAction,
    Refused,
)
from shared.contracts import api
from shared.contracts.cases import CaseState, Clock, Deadline

POSSIBLE: Mapping[CaseState, tuple[ActionName, ...]] = {
    "new": ("acknowledge", "reassign", "note"),
    "assigned": ("acknowledge", "reassign", "note"),
    "acknowledged": ("contacted", "reassign", "note"),
    "contacted": ("contacted", "waiting", "resolve", "reassign", "note"),
    "waiting_customer": ("contacted", "resolve", "reassign", "note"),
    **dict.fromkeys(DONE, ("reopen", "note")),
    **dict.fromkeys(TERMINAL, ("note",)),
}
"""What a person may do in each state. Another attempt to reach the customer is always welcome."""

_STOPS: Mapping[EventType, Clock] = {
    "acknowledged": "acknowledge",
    "contacted": "contact",
    "resolved": "resolve",
}


def transition(case: Case, action: Action, now: datetime) -> Changed | Refused:
    """Decide what becomes of a case. A joined low score is a fact and is never refused."""
    if isinstance(action, Attach):
        return _attach(case, action, now)
    possible = POSSIBLE[case.event.state]
    if action.version != case.event.version:
        return Refused("outdated_version", possible)
    if name_of(action) not in possible:
        return Refused("not_possible", possible)
    return _act(case, action, now)


def name_of(action: PersonAction) -> ActionName:
    """Return the word that stands in the address of the action."""
    match action:
        case api.Acknowledge():
            return "acknowledge"
        case api.Contacted():
            return "contacted"
        case api.Waiting():
            return "waiting"
        case api.Resolve():
            return "resolve"
        case api.Reopen():
            return "reopen"
        case api.Reassign():
            return "reassign"
        case api.Note():
            return "note"
        case _:
            assert_never(action)


def _act(case: Case, action: PersonAction, now: datetime) -> Changed:
    who = {"actor": action.actor, "note": action.note}
    match action:
        case api.Acknowledge():
            changes = who | {"state": "acknowledged", "assignee": action.actor}
            return _changed(case, "acknowledged", "taken", changes, now)
        case api.Contacted():
            changes = who | {
                "state": "contacted",
                "contact_how": action.how,
                "contact_outcome": action.outcome,
            }
            return _changed(case, "contacted", "customer_contacted", changes, now)
        case api.Waiting():
            changes = who | {"state": "waiting_customer"}
            return _changed(case, "waiting", "waiting_for_customer", changes, now)
        case api.Resolve():
            return _resolve(case, action, who, now)
        case api.Reopen():
            changes = who | {"note": _joined(action.reason, action.note)}
            return _reopened(case, "reopened", "reopened_by_person", changes, now)
        case api.Reassign():
            return _reassign(case, action, who, now)
        case api.Note():
            return _changed(case, "noted", "noted", who, now)
        case _:
            assert_never(action)


def _joined(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)


def _resolve(case: Case, action: api.Resolve, who: Mapping[str, Any], now: datetime) -> Changed:
    changes = {
        **who,
        "state": "resolved",
        "root_cause": action.root_cause,
        "action": action.action,
        "outcome": action.outcome,
    }
    return _changed(case, "resolved", "put_right", changes, now)


def _reassign(case: Case, action: api.Reassign, who: Mapping[str, Any], now: datetime) -> Changed:
    # Whoever gets a case must take it: a name that others put there is not an acknowledgement.
    team = action.team or case.event.team
    changes = {**who, "state": "assigned", "team": team, "assignee": action.assignee}
    handed_back = action.team is None and action.assignee is None
    return _changed(
        case,
        "reassigned",
        "handed_back" if handed_back else "handed_over",
        changes,
        now,
    )


def _attach(case: Case, action: Attach, now: datetime) -> Changed:
    newest = max(case.event.score, action.score, key=lambda score: score.received_at)
    changes = {"actor": "close", "note": None, "score": newest}
    if case.event.state in DONE:
        return _reopened(case, "attached", "low_score_after_resolution", changes, now)
    return _changed(case, "attached", "low_score_joined", changes, now)


def _reopened(
    case: Case, type: EventType, reason: str, changes: Mapping[str, Any], now: datetime
) -> Changed:
    deadlines = tuple(_afresh(deadline, now) for deadline in case.event.deadlines)
    changes = {**changes, "state": "assigned", "assignee": None, "deadlines": deadlines}
    changed = _changed(case, type, reason, changes, now)
    again = replace(changed.case, cycle=case.cycle + 1)
    return replace(changed, case=again, reopened=True)


def _afresh(deadline: Deadline, now: datetime) -> Deadline:
    if deadline.clock not in CLOCKS:
        return deadline
    due_at = now + timedelta(seconds=deadline.target_seconds)
    return Deadline(clock=deadline.clock, due_at=due_at, target_seconds=deadline.target_seconds)


def _changed(
    case: Case, type: EventType, reason: str, changes: Mapping[str, Any], now: datetime
) -> Changed:
    before = case.event
    deadlines: tuple[Deadline, ...] = changes.get("deadlines", before.deadlines)
    stopped = tuple(_stopped(deadline, _STOPS.get(type), now) for deadline in deadlines)
    common = {
        "version": before.version + 1,
        "previous": before.state,
        "at": now,
        "reason": reason,
    }
    event = before.model_copy(update={**changes, **common, "deadlines": stopped})
    met = tuple(
        new
        for old, new in zip(deadlines, stopped, strict=True)
        if old.met_at is None and new.met_at is not None
    )
    return Changed(replace(case, event=event), type, met)


def _stopped(deadline: Deadline, clock: Clock | None, now: datetime) -> Deadline:
    """Stop the deadline when it is the clock's, and mark it when it ran out before now."""
    if deadline.met_at is not None or deadline.clock not in CLOCKS:
        return deadline
    met_at = now if deadline.clock == clock else None
    return deadline.model_copy(update={"met_at": met_at, "breached": now > deadline.due_at})
