"""The clocks of a case: started, paused, going on, stopped; in wall time and in business time."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.close.model import CLOCKS
from shared import business_time
from shared.business_time import ALWAYS, Calendar, Span
from shared.contracts.cases import CaseEvent, Deadline


def calendar_of(event: CaseEvent) -> Calendar:
    """Return the calendar that was the team's when the case was opened."""
    policy = event.policy
    if policy is None:
        return ALWAYS
    return business_time.calendar(policy.time_zone, policy.hours, policy.holidays)


def begin(old: Deadline, since: datetime, cycle: int, calendar: Calendar) -> Deadline:
    """Return the clock started afresh: nothing of its past cycle is in it."""
    fresh = Deadline(
        clock=old.clock,
        due_at=since,
        target_seconds=old.target_seconds,
        measure=old.measure,
        cycle=cycle,
        started_at=since,
    )
    return fresh.model_copy(update={"due_at": moment(fresh, 1.0, calendar)})


def moment(deadline: Deadline, share: float, calendar: Calendar) -> datetime:
    """Return when this share of the target is used up; 1.0 is the deadline itself."""
    left = timedelta(seconds=share * deadline.target_seconds - deadline.used_seconds)
    return business_time.add(_since(deadline), left, _measured(deadline, calendar))


def pause(deadline: Deadline, now: datetime, calendar: Calendar) -> Deadline:
    """Let the clock stand; what it has counted is kept."""
    if deadline.met_at is not None or deadline.paused_at is not None:
        return deadline
    counted = business_time.elapsed(_since(deadline), now, _measured(deadline, calendar))
    used = deadline.used_seconds + counted.total_seconds()
    return deadline.model_copy(update={"paused_at": now, "used_seconds": used})


def go_on(deadline: Deadline, now: datetime, calendar: Calendar) -> Deadline:
    """Let a clock that stands run again; a deadline that had passed has passed."""
    if deadline.paused_at is None:
        return deadline
    again = deadline.model_copy(update={"paused_at": None, "resumed_at": now})
    if deadline.used_seconds >= deadline.target_seconds:
        return again
    return again.model_copy(update={"due_at": moment(again, 1.0, calendar)})


def sooner(old: Deadline, new: Deadline, now: datetime, calendar: Calendar) -> Deadline:
    """Return the clock that runs out first: the one there was, or that of a higher priority."""
    if old.met_at is not None:
        return old
    old = go_on(old, now, calendar)
    return new.model_copy(update={"cycle": old.cycle}) if new.due_at < old.due_at else old


def retargeted(old: Deadline, new: Deadline, now: datetime, calendar: Calendar) -> Deadline:
    """Return a clock of the past with the target that it is to be started afresh with."""
    targets = {"target_seconds": new.target_seconds, "measure": new.measure}
    return old.model_copy(update=targets)


def stop(deadline: Deadline, now: datetime, calendar: Calendar) -> Deadline:
    """Stop the clock for good, with what it took in both measures."""
    if deadline.met_at is not None:
        return deadline
    started = _started(deadline)
    business = business_time.elapsed(started, now, calendar)
    stopped = {
        "met_at": now,
        "paused_at": None,
        "breached": deadline.breached or is_past(deadline, now),
        "wall_seconds": max(0.0, (now - started).total_seconds()),
        "business_seconds": business.total_seconds(),
    }
    return deadline.model_copy(update=stopped)


def is_past(deadline: Deadline, now: datetime) -> bool:
    """Say whether time is up; it never gets up while the clock stands."""
    return now > deadline.due_at and deadline.paused_at is None


def arithmetic(deadline: Deadline, event: CaseEvent) -> tuple[Span, ...]:
    """Return the stretches of time that lead to the deadline, since the clock last went on."""
    left = timedelta(seconds=deadline.target_seconds - deadline.used_seconds)
    measured = _measured(deadline, calendar_of(event))
    return business_time.explain(_since(deadline), left, measured)


def is_ours(deadline: Deadline) -> bool:
    """Say whether a person stops it; `route` is the router's, `confirm` the customer's."""
    return deadline.clock in CLOCKS


def _measured(deadline: Deadline, calendar: Calendar) -> Calendar:
    return calendar if deadline.measure == "business" else ALWAYS


def _started(deadline: Deadline) -> datetime:
    return deadline.started_at or deadline.due_at - timedelta(seconds=deadline.target_seconds)


def _since(deadline: Deadline) -> datetime:
    return deadline.resumed_at or _started(deadline)
