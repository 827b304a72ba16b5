"""What people and customers make of a case, or why it may not happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from services.close.decide import clocks
from services.close.decide.changes import changed, reopened
from services.close.model import (
    DONE,
    NAMES,
    TERMINAL,
    Action,
    ActionName,
    Answered,
    Attach,
    Case,
    Changed,
    PersonAction,
    Raised,
    Refused,
    Rescored,
)
from shared.contracts import api
from shared.contracts.cases import CaseEvent, CasePolicy, CaseScore, CaseState, Deadline

_ENDS: tuple[ActionName, ...] = ("merge", "correct", "suppress")
POSSIBLE: Mapping[CaseState, tuple[ActionName, ...]] = {
    "new": ("acknowledge", "reassign", "note", *_ENDS),
    "assigned": ("acknowledge", "reassign", "note", *_ENDS),
    "acknowledged": ("contacted", "reassign", "note", *_ENDS),
    "contacted": ("contacted", "waiting", "resolve", "reassign", "note", *_ENDS),
    "waiting_customer": ("contacted", "resolve", "reassign", "note", *_ENDS),
    **dict.fromkeys(DONE, ("reopen", "note")),
    **dict.fromkeys(TERMINAL, ("note",)),
}
"""What a person may do in each state. Another attempt to reach the customer is always welcome."""

_WAITING = timedelta(seconds=CasePolicy.model_fields["waiting_seconds"].default)
_QUIET = int(CasePolicy.model_fields["quiet_seconds"].default)


def transition(case: Case, action: Action, now: datetime) -> Changed | Refused:
    """Decide what becomes of a case. What a customer said is a fact and is never refused."""
    match action:
        case Attach():
            return _attach(case, action, now)
        case Rescored():
            return _rescored(case, action, now)
        case Answered():
            return _answered(case, action, now)
        case _:
            return _person(case, action, now)


def name_of(action: PersonAction) -> ActionName:
    """Return the word that stands in the address of the action."""
    return NAMES[type(action)]


def _person(case: Case, action: PersonAction, now: datetime) -> Changed | Refused:
    event = case.event
    possible = POSSIBLE[event.state]
    if not event.acted_version <= action.version <= event.version:
        return Refused("outdated_version", possible)
    if name_of(action) not in possible:
        return Refused("not_possible", possible)
    return _act(case, action, now)


def _act(case: Case, action: PersonAction, now: datetime) -> Changed:
    who = {"actor": action.actor, "note": action.note}
    match action:
        case api.Acknowledge():
            taken = {**who, "state": "acknowledged", "assignee": action.actor}
            return changed(case, "acknowledged", "taken", taken, now)
        case api.Contacted() | api.Waiting():
            return _in_touch(case, action, who, now)
        case api.Resolve():
            return _resolve(case, action, who, now)
        case api.Reopen():
            why = {**who, "note": _joined(action.reason, action.note)}
            return reopened(case, "reopened", "reopened_by_person", why, now)
        case api.Reassign():
            return _reassign(case, action, who, now)
        case api.Merge() | api.Correct() | api.Suppress():
            return _end(case, action, who, now)
        case api.Note():
            return changed(case, "noted", "noted", who, now)
        case _:
            assert_never(action)


def _in_touch(
    case: Case, action: api.Contacted | api.Waiting, who: Mapping[str, Any], now: datetime
) -> Changed:
    if isinstance(action, api.Contacted):
        reached = {"contact_how": action.how, "contact_outcome": action.outcome}
        changes = {**who, **reached, "state": "contacted"}
        return changed(case, "contacted", "customer_contacted", changes, now)
    longest = now + _waiting(case.event)
    until = longest if action.until is None else min(max(action.until, now), longest)
    changes = {**who, "state": "waiting_customer", "waiting_until": until}
    return changed(case, "waiting", "waiting_for_customer", changes, now)


def _waiting(event: CaseEvent) -> timedelta:
    return timedelta(seconds=event.policy.waiting_seconds) if event.policy else _WAITING


def _joined(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)


def _resolve(case: Case, action: api.Resolve, who: Mapping[str, Any], now: datetime) -> Changed:
    policy = case.event.policy
    quiet = Deadline(
        clock="confirm",
        due_at=now,
        target_seconds=policy.quiet_seconds if policy else _QUIET,
    )
    confirm = clocks.begin(quiet, now, case.cycle, clocks.calendar_of(case.event))
    others = tuple(each for each in case.event.deadlines if each.clock != "confirm")
    changes = {
        **who,
        "state": "resolved",
        "root_cause": action.root_cause,
        "action": action.action,
        "outcome": action.outcome,
        "deadlines": (*others, confirm),
    }
    return changed(case, "resolved", "put_right", changes, now)


def _reassign(case: Case, action: api.Reassign, who: Mapping[str, Any], now: datetime) -> Changed:
    # Whoever gets a case must take it: a name that others put there is not an acknowledgement.
    team = action.team or case.event.team
    changes = {
        **who,
        "note": _joined(action.reason, action.note) or None,
        "state": "assigned",
        "team": team,
        "assignee": action.assignee,
    }
    handed_back = action.team is None and action.assignee is None
    return changed(
        case, "reassigned", "handed_back" if handed_back else "handed_over", changes, now
    )


def _end(
    case: Case,
    action: api.Merge | api.Correct | api.Suppress,
    who: Mapping[str, Any],
    now: datetime,
) -> Changed:
    match action:
        case api.Merge():
            merged = {**who, "state": "merged", "merged_into": action.into}
            return changed(case, "merged", "same_matter", merged, now)
        case api.Correct():
            why = {**who, "note": _joined(action.reason, action.note)}
            return changed(case, "corrected", "no_low_score", {**why, "state": "corrected"}, now)
        case api.Suppress():
            why = {**who, "note": _joined(action.reason, action.note)}
            return changed(case, "suppressed", "not_worked_on", {**why, "state": "suppressed"}, now)
        case _:
            assert_never(action)


def _attach(case: Case, action: Attach, now: datetime) -> Changed:
    newest = max(case.event.score, action.score, key=lambda score: score.received_at)
    changes: dict[str, Any] = {"actor": "close", "score": newest}
    back = case.event.state == "corrected" and action.reason == "low_score_joined"
    if back:
        # The router had not heard of the end yet, and opens no other case for this score.
        changes["state"] = "assigned"
    if action.raised is not None and (back or case.event.state not in TERMINAL):
        case, more = _raised(case, action.raised, now)
        changes |= more
    if case.event.state in DONE:
        return reopened(case, "attached", "low_score_after_resolution", changes, now)
    if case.event.state == "waiting_customer":
        # The customer has come back, with this.
        changes["state"] = "contacted"
    return changed(case, "attached", action.reason, changes, now)


def _raised(case: Case, raised: Raised, now: datetime) -> tuple[Case, dict[str, Any]]:
    """Return the case with the clocks of its new priority, and what else changes with it."""
    calendar = clocks.calendar_of(case.event)
    new = {each.clock: each for each in raised.deadlines if clocks.is_ours(each)}
    hurried = clocks.retargeted if case.event.state in DONE else clocks.sooner
    after = tuple(
        hurried(each, new[each.clock], now, calendar) if each.clock in new else each
        for each in case.event.deadlines
    )
    changes = {
        "priority": raised.priority,
        "raised_from": raised.before,
        "routing_path": raised.routing_path,
        "deadlines": after,
    }
    return case.with_deadlines(after), changes


def _rescored(case: Case, action: Rescored, now: datetime) -> Changed | Refused:
    """The customer corrected the score that opened the case: that alerts nobody again."""
    event = case.event
    if not _is_news(event.score, action.score):
        return Refused("not_possible", POSSIBLE[event.state])
    changes: dict[str, Any] = {"actor": "close", "score": action.score}
    if event.state == "corrected" and event.score.band != "low" and action.score.band == "low":
        # The customer ended the case by a better score, and thought again.
        changes["state"] = "assigned"
    untouched = event.state in ("new", "assigned") and case.cycle == 1
    if action.score.band != "low" and untouched and not action.others:
        changes["state"] = "corrected"
        return changed(case, "corrected", "corrected_by_customer", changes, now)
    return changed(case, "rescored", "corrected_by_customer", changes, now)


def _is_news(known: CaseScore, said: CaseScore) -> bool:
    """Say whether it is the same answer, said later than what is known and otherwise."""
    if known.response_id != said.response_id:
        return False
    if known.at is not None and said.at is not None and said.at <= known.at:
        return False
    return said.model_copy(update={"at": known.at}) != known


def _answered(case: Case, action: Answered, now: datetime) -> Changed | Refused:
    """The recovery question: only the customer can say that it was put right."""
    state = case.event.state
    if state not in DONE:
        return Refused("not_possible", POSSIBLE[state])
    if action.band == "low":
        why = {"actor": "customer", "note": action.comment}
        again = reopened(case, "reopened", "customer_disagrees", why, now)
        return replace(again, escalate=True)
    if action.band == "mid":
        # Neither content nor not: it is worth knowing, and the quiet period goes on.
        said = {"actor": "customer", "note": action.comment}
        return changed(case, "noted", "customer_undecided", said, now)
    if state == "closed":
        return Refused("not_possible", POSSIBLE[state])
    agreed = {"actor": "customer", "state": "closed", "note": action.comment}
    stopped = tuple(
        clocks.stop(each, now, clocks.calendar_of(case.event)) if each.clock == "confirm" else each
        for each in case.event.deadlines
    )
    return changed(case, "closed", "customer_agrees", {**agreed, "deadlines": stopped}, now)
