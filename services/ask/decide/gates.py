"""The rules a moment passes, in order: the first that stops it gives the reason for silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeAlias

from pydantic import JsonValue

from services.ask.decide.window import opens_at, zone
from services.ask.model import Act, Ask, Decision, Facts, Later, Seen, Silent, stopped_by
from services.ask.policy import SENDS, Plan, reachable
from shared.contracts.asks import RuleTrace, Silence

Compared: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Gate:
    """A rule: `stops` decides, `compared` says on what grounds; only what is kept is explained."""

    name: str
    reason: Silence
    stops: Callable[[Facts, Plan, datetime], bool]
    compared: Callable[[Facts, Plan, datetime], Compared]


def decide(facts: Facts, plan: Plan, now: datetime) -> Decision:
    """Run all gates in order; the first that stops gives the reason."""
    if now < facts.candidate.due_at:
        return Later(facts.candidate.due_at)
    for gate in _before_the_window(plan):
        if gate.stops(facts, plan, now):
            return Silent(gate.reason)
    return _go(facts, plan, now)


def decide_early(facts: Facts, plan: Plan, now: datetime) -> Silent | None:
    """Decide what no later event can change, so that it need not wait."""
    for gate in _EARLY_ASKING if plan.act == "ask" else _EARLY_ACTING:
        if gate.stops(facts, plan, now):
            return Silent(gate.reason)
    return None


def explain(facts: Facts, plan: Plan, decision: Decision, now: datetime) -> tuple[RuleTrace, ...]:
    """Return the rules in the order they ran, and what each compared."""
    broken = isinstance(decision, Silent) and decision.problem is not None
    problem = {"problem": decision.problem} if isinstance(decision, Silent) and broken else {}
    traces = [_trace("trigger", broken, {**facts.candidate.evidence, **problem})]
    stopped = broken
    for gate in gates(plan):
        if stopped:
            traces.append(RuleTrace(rule=gate.name, verdict="not_run"))
            continue
        stopped = gate.stops(facts, plan, now)
        traces.append(_trace(gate.name, stopped, gate.compared(facts, plan, now)))
    return tuple(traces)


def gone(touchpoint: str, decision: Decision) -> tuple[RuleTrace, ...]:
    """Explain the end of a moment that was given up while it waited: its touchpoint left the
    catalog, or whatever else the decision names as the problem."""
    problem = decision.problem if isinstance(decision, Silent) else None
    if problem is None:
        return (_trace("in_catalog", True, {"name": touchpoint}),)
    return (_trace("trigger", True, {"problem": problem}),)


def next_possible_at(facts: Facts, plan: Plan) -> datetime | None:
    """Return when no cap stands in the way any more; None while that is not known."""
    if facts.history.pending:
        return None
    ends = [last + interval for last, interval in _clocks(facts, plan) if last]
    return max(ends, default=None)


def useful_until(facts: Facts, plan: Plan) -> datetime:
    """Return the end of the time in which an ask makes sense."""
    return facts.candidate.signal.occurred_at + plan.lag + plan.useful_for


def chance(touchpoint: str, event_key: str, salt: str) -> float:
    """Return a number from 0 up to but without 1, spread evenly and always the same."""
    digest = sha256("\x1f".join((touchpoint, event_key, salt)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)


def channel(facts: Facts, plan: Plan) -> str | None:
    """Return the first channel over which this customer can be reached."""
    return next((name for name in plan.channels if reachable(facts.contact, name)), None)


def _go(facts: Facts, plan: Plan, now: datetime) -> Decision:
    if not plan.reaches_customer:
        return Act("case" if plan.act == "case" else "notify")
    opening = _opening(facts, plan, now)
    if opening > useful_until(facts, plan):
        return Silent(_WINDOW.reason)
    if opening > now:
        return Later(opening)
    over = channel(facts, plan) or SENDS[0]
    return Ask(over) if plan.act == "ask" else Act("notify", over)


def _trace(name: str, stopped: bool, compared: Compared) -> RuleTrace:
    return RuleTrace(rule=name, verdict="stopped" if stopped else "passed", compared=dict(compared))


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _seen(seen: Seen | None) -> Compared:
    return {"signal": seen.name, "at": _text(seen.at), "event": seen.key[1]} if seen else {}


# --- each gate: what stops, and what it compared ----------------------------------------------


def _stale(facts: Facts, plan: Plan, now: datetime) -> bool:
    return now > useful_until(facts, plan)


def _stale_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {"now": _text(now), "useful_until": _text(useful_until(facts, plan))}


def _drawn_holdout(facts: Facts, plan: Plan) -> float:
    return chance("holdout", facts.candidate.signal.customer_id, plan.salt)


def _holdout(facts: Facts, plan: Plan, now: datetime) -> bool:
    return plan.holdout > 0 and _drawn_holdout(facts, plan) < plan.holdout


def _holdout_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {"drawn": _drawn_holdout(facts, plan), "held_out_below": plan.holdout}


def _drawn(facts: Facts, plan: Plan) -> float:
    return chance(plan.touchpoint, facts.candidate.event_key, plan.salt)


def _sampled(facts: Facts, plan: Plan, now: datetime) -> bool:
    return plan.sample < 1 and _drawn(facts, plan) >= plan.sample


def _sampled_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {"drawn": _drawn(facts, plan), "below": plan.sample}


def _came(facts: Facts, plan: Plan, now: datetime) -> bool:
    return facts.came is not None


def _came_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    awaited = sorted(plan.absence.awaited) if plan.absence else []
    return {"awaited": list(awaited), "came": dict(_seen(facts.came)) or None}


def _asked_before(facts: Facts, plan: Plan, now: datetime) -> bool:
    correlation = facts.candidate.signal.correlation
    return correlation is not None and (plan.touchpoint, correlation) in facts.history.asked


def _asked_before_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {
        "correlation": facts.candidate.signal.correlation,
        "asked_before": _asked_before(facts, plan, now),
    }


def _cancelled(facts: Facts, plan: Plan, now: datetime) -> bool:
    return facts.cancelled_by is not None


def _cancelled_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    names = sorted(plan.cancel_on)
    return {"cancel_on": list(names), "came": dict(_seen(facts.cancelled_by)) or None}


def _opted_out(facts: Facts, plan: Plan, now: datetime) -> bool:
    return stopped_by(facts.opt_outs, plan.touchpoint) is not None


def _opted_out_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {"opted_out_of": stopped_by(facts.opt_outs, plan.touchpoint)}


def _refused(facts: Facts, plan: Plan, now: datetime) -> bool:
    return facts.contact.consent == "refused"


def _refused_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {"consent": facts.contact.consent or "unknown"}


def _unreachable(facts: Facts, plan: Plan, now: datetime) -> bool:
    return channel(facts, plan) is None


def _unreachable_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {"channels": list(plan.channels), "usable": channel(facts, plan)}


def _in_trouble(facts: Facts, plan: Plan, now: datetime) -> bool:
    return bool(facts.open_cases)


def _in_trouble_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return {"open_cases": [*sorted(facts.open_cases)]}


def _too_soon(last: datetime | None, interval: timedelta | None, now: datetime) -> bool:
    return last is not None and interval is not None and now - last < interval


def _clock(
    last: datetime | None, interval: timedelta | None, now: datetime
) -> dict[str, JsonValue]:
    return {
        "last": _text(last),
        "interval_seconds": interval.total_seconds() if interval else None,
        "now": _text(now),
        "next_possible_at": _text(last + interval) if last and interval else None,
    }


def _clocks(facts: Facts, plan: Plan) -> list[tuple[datetime | None, timedelta]]:
    history = facts.history
    return [
        (history.last_contact, plan.floor),
        (history.last_contact, plan.person),
        (history.sent.get(plan.touchpoint), plan.cap or timedelta(0)),
        (history.answered.get(plan.touchpoint), plan.answered or timedelta(0)),
    ]


def _touchpoint(facts: Facts, plan: Plan, now: datetime) -> bool:
    return _too_soon(facts.history.sent.get(plan.touchpoint), plan.cap, now)


def _touchpoint_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return _clock(facts.history.sent.get(plan.touchpoint), plan.cap, now)


def _answered(facts: Facts, plan: Plan, now: datetime) -> bool:
    return _too_soon(facts.history.answered.get(plan.touchpoint), plan.answered, now)


def _answered_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return _clock(facts.history.answered.get(plan.touchpoint), plan.answered, now)


def _outranked(facts: Facts, plan: Plan, now: datetime) -> bool:
    return facts.rival is not None


def _outranked_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    first = facts.rival
    return {"priority": plan.priority, "goes_first": first.touchpoint if first else None}


def _floor(facts: Facts, plan: Plan, now: datetime) -> bool:
    return facts.history.pending or _too_soon(facts.history.last_contact, plan.floor, now)


def _floor_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    clock = _clock(facts.history.last_contact, plan.floor, now)
    return {**clock, "ask_on_its_way": facts.history.pending}


def _person(facts: Facts, plan: Plan, now: datetime) -> bool:
    return _too_soon(facts.history.last_contact, plan.person, now)


def _person_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    return _clock(facts.history.last_contact, plan.person, now)


def _opening(facts: Facts, plan: Plan, now: datetime) -> datetime:
    return opens_at(now, plan.window, zone(facts.contact, facts.candidate.signal.attributes, plan))


def _expires_first(facts: Facts, plan: Plan, now: datetime) -> bool:
    return _opening(facts, plan, now) > useful_until(facts, plan)


def _expires_first_compared(facts: Facts, plan: Plan, now: datetime) -> Compared:
    where = zone(facts.contact, facts.candidate.signal.attributes, plan)
    return {
        "local_time": now.astimezone(where).isoformat(),
        "time_zone": where.key,
        "opens_at": _text(_opening(facts, plan, now)),
        "useful_until": _text(useful_until(facts, plan)),
    }


_STALE = Gate("stale_event", "stale_event", _stale, _stale_compared)
_HOLDOUT = Gate("holdout", "holdout", _holdout, _holdout_compared)
_SAMPLE = Gate("sample", "sampled_out", _sampled, _sampled_compared)
_ABSENT = Gate("absence", "not_eligible", _came, _came_compared)
_DUPLICATE = Gate("duplicate", "duplicate", _asked_before, _asked_before_compared)
_CANCEL = Gate("cancel_on", "cancelled", _cancelled, _cancelled_compared)
_OPTED_OUT = Gate("opted_out", "opted_out", _opted_out, _opted_out_compared)
_CONSENT = Gate("consent", "no_consent", _refused, _refused_compared)
_ADDRESS = Gate("address", "no_address", _unreachable, _unreachable_compared)
_CASE = Gate("open_case", "open_case", _in_trouble, _in_trouble_compared)
_TOUCHPOINT = Gate("cap_touchpoint", "cap_touchpoint", _touchpoint, _touchpoint_compared)
_ANSWERED = Gate("cap_answered", "cap_answered", _answered, _answered_compared)
_PRIORITY = Gate("priority", "outranked", _outranked, _outranked_compared)
_FLOOR = Gate("cap_floor", "cap_person", _floor, _floor_compared)
_PERSON = Gate("cap_person", "cap_person", _person, _person_compared)
_WINDOW = Gate("send_window", "quiet_hours_expired", _expires_first, _expires_first_compared)

_EARLY_ASKING = (_STALE, _HOLDOUT, _SAMPLE)
_EARLY_ACTING = (_STALE, _SAMPLE)
"""What no later event can change."""

_PERSONAL = (_OPTED_OUT, _CONSENT, _ADDRESS)
_ASKING = (
    *_EARLY_ASKING,
    _ABSENT,
    _CANCEL,
    _DUPLICATE,
    *_PERSONAL,
    _CASE,
    _TOUCHPOINT,
    _ANSWERED,
    _PRIORITY,
    _FLOOR,
    _PERSON,
)
_RECOVERING = (*_EARLY_ASKING, _CANCEL, *_PERSONAL)
_ACTING = (*_EARLY_ACTING, _ABSENT, _CANCEL)
_TELLING = (*_ACTING, *_PERSONAL)


def gates(plan: Plan) -> tuple[Gate, ...]:
    """Return the rules for what a touchpoint does, in the order they run."""
    before = _before_the_window(plan)
    return (*before, _WINDOW) if plan.reaches_customer else before


def _before_the_window(plan: Plan) -> tuple[Gate, ...]:
    if plan.act == "ask":
        return _RECOVERING if plan.exempt else _ASKING
    return _TELLING if plan.tells == "customer" else _ACTING
