"""The heart: whether to ask a customer about a moment, and if not, why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, TypeAlias

from pydantic import JsonValue

from services.ask.model import Ask, Broken, Contact, Decision, Facts, Later, Silent, stopped_by
from services.ask.policy import SENDS, Plan
from shared.catalog.fields import SIGNAL_RULES
from shared.contracts.asks import RuleTrace, Silence
from shared.contracts.base import Attribution
from shared.contracts.signals import Signal
from shared.rules import Inputs, RuleFailed

Compared: TypeAlias = Mapping[str, JsonValue]
Verdict: TypeAlias = tuple[Silence | None, Compared]
"""The reason to stop, None when the gate lets through; and the values it compared."""

Gate: TypeAlias = Callable[[Facts, Plan, datetime], Verdict]


def match(
    signal: Signal, contact: Contact, plans: tuple[Plan, ...]
) -> list[tuple[Plan, Literal[True] | Broken]]:
    """Return the plans whose condition holds, and those whose condition broke."""
    if not any(plan.when for plan in plans):
        return [(plan, True) for plan in plans]
    inputs = _inputs(signal, contact)
    judged = [(plan, _holds(plan, inputs)) for plan in plans]
    return [(plan, verdict) for plan, verdict in judged if verdict is not False]


def decide(facts: Facts, plan: Plan, now: datetime) -> Decision:
    """Run all gates in order; the first that stops gives the reason."""
    due_at = facts.candidate.signal.occurred_at + plan.delay
    if now < due_at:
        return Later(due_at)
    return _gates(facts, plan, now)


def broken(problem: Broken) -> Silent:
    """Decide about a match that could not be evaluated: an error is never a yes."""
    return Silent("rule_error", (_trace("when", "rule_error", {"problem": problem.problem}),))


def gone(touchpoint: str) -> Silent:
    """Decide about a moment whose touchpoint left the catalog while it waited."""
    return Silent("not_eligible", (_trace("in_catalog", "not_eligible", {"name": touchpoint}),))


def attribution(signal: Signal, plan: Plan) -> Attribution:
    """Copy at event time who and what the moment belonged to."""
    return Attribution(
        team=_text(signal, "team") or plan.owner,
        agent=_text(signal, "agent"),
        stage=plan.stage,
        product=_text(signal, "product"),
    )


def chance(touchpoint: str, event_key: str, salt: str) -> float:
    """Return a number from 0 up to but without 1, spread evenly and always the same."""
    digest = sha256("\x1f".join((touchpoint, event_key, salt)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / float(1 << 48)


def _inputs(signal: Signal, contact: Contact) -> Inputs | Broken:
    profile = {name: getattr(contact, name) for name in ("segment", "locale", "time_zone")}
    try:
        return SIGNAL_RULES.bind({"signal": signal.model_dump(), "profile": profile})
    except RuleFailed as error:
        return Broken(error.reason)


def _holds(plan: Plan, inputs: Inputs | Broken) -> bool | Broken:
    if plan.when is None:
        return True
    if isinstance(inputs, Broken):
        return inputs
    try:
        return plan.when.holds(inputs)
    except RuleFailed as error:
        return Broken(error.reason)


def _gates(facts: Facts, plan: Plan, now: datetime) -> Ask | Silent:
    traces: list[RuleTrace] = []
    stopped: Silence | None = None
    for name, gate in GATES.items():
        if stopped:
            traces.append(RuleTrace(rule=name, verdict="not_run"))
            continue
        stopped, compared = gate(facts, plan, now)
        traces.append(_trace(name, stopped, compared))
    rules = tuple(traces)
    if stopped:
        return Silent(stopped, rules, plan.sample)
    return Ask(_channel(facts, plan) or SENDS[0], rules, plan.sample)


def _trace(name: str, stopped: Silence | None, compared: Compared) -> RuleTrace:
    return RuleTrace(rule=name, verdict="stopped" if stopped else "passed", compared=dict(compared))


def _stale(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    useful_until = facts.candidate.signal.occurred_at + plan.useful_for
    compared = {"now": now.isoformat(), "useful_until": useful_until.isoformat()}
    return "stale_event" if now > useful_until else None, compared


def _duplicate(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    correlation = facts.candidate.signal.correlation
    known = correlation is not None and (plan.touchpoint, correlation) in facts.history.asked
    return "duplicate" if known else None, {"correlation": correlation, "asked_before": known}


def _opted_out(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    wish = stopped_by(facts.opt_outs, plan.touchpoint)
    return "opted_out" if wish else None, {"opted_out_of": wish}


def _consent(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    consent = facts.contact.consent
    return "no_consent" if consent == "refused" else None, {"consent": consent or "unknown"}


def _address(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    channel = _channel(facts, plan)
    compared: Compared = {"channels": list(plan.channels), "usable": channel}
    return None if channel else "no_address", compared


def _sampled(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    drawn = chance(plan.touchpoint, facts.candidate.event_key, plan.salt)
    return None if drawn < plan.sample else "sampled_out", {"drawn": drawn, "below": plan.sample}


def _floor(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    return _since_last_contact(facts, plan.floor, now)


def _person(facts: Facts, plan: Plan, now: datetime) -> Verdict:
    return _since_last_contact(facts, plan.person, now)


def _since_last_contact(facts: Facts, interval: timedelta, now: datetime) -> Verdict:
    last, pending = facts.history.last_contact, facts.history.pending
    allowed = not pending and (last is None or now - last >= interval)
    compared: Compared = {
        "last_contact": last.isoformat() if last else None,
        "ask_on_its_way": pending,
        "interval_seconds": interval.total_seconds(),
        "now": now.isoformat(),
    }
    return None if allowed else "cap_person", compared


GATES: Mapping[str, Gate] = {
    "stale_event": _stale,
    "duplicate": _duplicate,
    "opted_out": _opted_out,
    "consent": _consent,
    "address": _address,
    "sample": _sampled,
    "cap_floor": _floor,
    "cap_person": _person,
}
"""In the order they run."""


def _channel(facts: Facts, plan: Plan) -> str | None:
    addresses = {"email": facts.contact.email}
    usable = (name for name in plan.channels if name in SENDS and addresses.get(name))
    return next(usable, None)


def _text(signal: Signal, name: str) -> str | None:
    value = signal.attributes.get(name)
    return value if isinstance(value, str) and value else None
