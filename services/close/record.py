"""What every change of a case entails, written in the transaction of the change.

The case as it is, its history, its timer, the counters, and the message to the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.close import metrics, store
from services.close.decide import next_at
from services.close.model import CLOCKS, DONE, Case, Changed
from services.close.policy import Policy
from shared import db, outbox, timers
from shared.contracts.cases import Clock, Deadline
from shared.contracts.envelope import stable_id
from shared.tallies import Tally

CASE = "case"
"""The kind of the one timer that each case has."""

# A clock stopped at the very instant of its deadline was stopped in time.
_AFTER = timedelta(microseconds=1)
_LOOK_AGAIN = timedelta(days=1)


async def held(connection: db.Connection, case_ids: Iterable[str]) -> dict[str, Case]:
    """Take these cases for the rest of the transaction, their timers first as a sweep does."""
    ids = sorted(set(case_ids))
    await timers.hold(connection, CASE, ids)
    return await store.lock(connection, ids)


async def opened(connection: db.Connection, cases: Sequence[Case], now: datetime) -> None:
    """Store cases that another service opened; it has told everybody of them already."""
    await store.write(connection, cases)
    await store.add_events(connection, [store.Entry("opened", case.event) for case in cases])
    await wake(connection, cases, now)


async def changed(
    connection: db.Connection, changes: Sequence[Changed], policy: Policy, now: datetime
) -> None:
    """Store changes in the order they happened, and tell everybody."""
    if not changes:
        return
    latest = {change.case.id: change.case for change in changes}
    await store.write(connection, list(latest.values()))
    entries = [store.Entry(change.type, change.case.event) for change in changes]
    await store.add_events(connection, entries)
    resolved = [change.case.event for change in changes if change.type == "resolved"]
    await store.put_causes(connection, resolved)
    await wake(connection, list(latest.values()), now)
    await _count(connection, changes, policy, now)
    await outbox.add(connection, [_message(change, now) for change in changes], now)


async def wake(connection: db.Connection, cases: Sequence[Case], now: datetime) -> None:
    """Set the timer of each case to when time will next do something to it."""
    wanted = [(case, _wake_at(case, now)) for case in cases]
    await timers.schedule(
        connection,
        (
            timers.Timer(CASE, case.id, at + _AFTER, {"case_id": case.id})
            for case, at in wanted
            if at is not None
        ),
    )
    over = [case.id for case, at in wanted if at is None]
    if over:
        await timers.cancel(connection, CASE, over)


def _wake_at(case: Case, now: datetime) -> datetime | None:
    times = [at for at in (next_at(case), _route_due(case)) if at is not None]
    if times:
        return min(times)
    # A case without clocks, of a release that knew others, is not forgotten either.
    return now + _LOOK_AGAIN if case.is_open else None


def _route_due(case: Case) -> datetime | None:
    route = case.deadline("route")
    return route.due_at if route and not case.route_decided else None


async def routed(
    connection: db.Connection, cases: Mapping[str, Case], now: datetime
) -> dict[str, Case]:
    """Count the route clock of each case once: an alert was delivered, or its time is up.

    Returns the cases with what is decided now.
    """
    waiting = [case for case in cases.values() if _is_routed(case, now)]
    if not waiting:
        return dict(cases)
    first = await store.decide_route(connection, [case.id for case in waiting])
    tally = Tally()
    late: list[store.Breach] = []
    for case in waiting:
        route = case.deadline("route")
        if case.id in first and route is not None:
            breached = case.delivered_at is None or case.delivered_at > route.due_at
            metrics.count_decided(tally, case.event, "route", breached=breached)
            late += [store.Breach(case.id, "route", 1, route.due_at)] if breached else []
    await store.add_breaches(connection, late, now)
    await tally.write(connection)
    return {**cases, **{case.id: replace(case, route_decided=True) for case in waiting}}


def _is_routed(case: Case, now: datetime) -> bool:
    due_at = _route_due(case)
    return due_at is not None and (case.delivered_at is not None or now > due_at)


async def _count(
    connection: db.Connection, changes: Sequence[Changed], policy: Policy, now: datetime
) -> None:
    late = [_breach(change.case, each) for change in changes for each in _late(change)]
    marked = await store.add_breaches(connection, late, now)
    tally = Tally()
    for change in changes:
        metrics.count_change(tally, change)
        if change.case.cycle == 1:
            _count_clocks(tally, change, marked, policy)
    await tally.write(connection)


def _late(change: Changed) -> list[Deadline]:
    """Return every clock that has run out by now, also one that no timer has come back to yet."""
    at = change.case.event.at
    mine = [each for each in change.case.event.deadlines if each.clock in CLOCKS]
    return [each for each in mine if each.breached or _ran_out(each, at)]


def _ran_out(deadline: Deadline, at: datetime) -> bool:
    """Say so of a clock that runs, or did until this very change."""
    runs = deadline.met_at is None and deadline.paused_at in (None, at)
    return runs and deadline.due_at < at


def _count_clocks(
    tally: Tally, change: Changed, marked: set[tuple[str, Clock, int]], policy: Policy
) -> None:
    """Count the clocks of a first cycle: decided once, and timed when a person stopped them."""
    case = change.case
    for deadline in _late(change):
        if (case.id, deadline.clock, 1) in marked:
            marked.remove((case.id, deadline.clock, 1))  # the next change says so again
            metrics.count_decided(tally, case.event, deadline.clock, breached=True)
    for met in change.met:
        if met.clock == "confirm":
            continue
        took = metrics.since(case.started_at, met.met_at)
        metrics.count_time(tally, case.event, met.clock, took, policy.boundaries)
        if not met.breached:
            metrics.count_decided(tally, case.event, met.clock, breached=False)
    if change.type == "closed" and change.case.event.previous in DONE[:1]:
        took = change.case.event.at - case.started_at
        metrics.count_time(tally, case.event, "close", took, policy.boundaries)


def _breach(case: Case, deadline: Deadline) -> store.Breach:
    return store.Breach(case.id, deadline.clock, case.cycle, deadline.due_at)


def _message(change: Changed, now: datetime) -> outbox.Outgoing:
    event = change.case.event
    return outbox.event(
        service="close",
        type=f"touchback.case.{change.type}.v1",
        body=event,
        customer_id=event.customer_id,
        at=now,
        id=stable_id("close", event.case_id, str(event.version)),
    )
