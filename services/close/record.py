"""What every change of a case entails, written in the transaction of the change.

The case as it is, its history, its clocks, the counters, and the message to the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from services.close import metrics, store
from services.close.model import Case, Changed
from services.close.policy import Policy
from shared import db, outbox, timers
from shared.contracts.cases import Deadline
from shared.contracts.envelope import stable_id
from shared.tallies import Tally

DEADLINE = "deadline"
# A clock stopped at the very instant of its deadline was stopped in time.
_AFTER = timedelta(microseconds=1)


async def opened(connection: db.Connection, cases: Sequence[Case]) -> None:
    """Store cases that another service opened; it has told everybody of them already."""
    await store.write(connection, cases)
    await store.add_events(connection, [store.Entry("opened", case.event) for case in cases])
    await timers.schedule(connection, (timer for case in cases for timer in _timers(case)))


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
    again = (change.case for change in changes if change.reopened)
    await timers.schedule(connection, (timer for case in again for timer in _timers(case)))
    await _count(connection, changes, policy, now)
    await outbox.add(connection, [_message(change, now) for change in changes], now)


def _timers(case: Case) -> Iterable[timers.Timer]:
    # A cycle has timers of its own, so that a reopening never waits for a sweep of the old ones.
    return (
        timers.Timer(
            DEADLINE,
            f"{case.id}:{deadline.clock}:{case.cycle}",
            deadline.due_at + _AFTER,
            {"case_id": case.id, "clock": deadline.clock, "cycle": case.cycle},
        )
        for deadline in case.running
    )


async def _count(
    connection: db.Connection, changes: Sequence[Changed], policy: Policy, now: datetime
) -> None:
    late = [_breach(change.case, met) for change in changes for met in change.met if met.breached]
    marked = await store.add_breaches(connection, late, now)
    tally = Tally()
    for change in changes:
        metrics.count_change(tally, change)
        if change.case.cycle == 1:
            for met in change.met:
                key = (change.case.id, met.clock, 1)
                _count_met(
                    tally, change.case, met, policy, decided=met.breached and key not in marked
                )
    await tally.write(connection)


def _count_met(tally: Tally, case: Case, met: Deadline, policy: Policy, *, decided: bool) -> None:
    took = metrics.since(case.started_at, met.met_at)
    metrics.count_time(tally, case.event, met.clock, took, policy.boundaries)
    if not decided:
        metrics.count_decided(tally, case.event, met.clock, breached=met.breached)


async def ran_out(
    connection: db.Connection, cases: Sequence[tuple[Case, Deadline]], now: datetime
) -> None:
    """Mark clocks whose deadline has passed, each once; a case's first cycle is counted."""
    marked = await store.add_breaches(connection, [_breach(*each) for each in cases], now)
    tally = Tally()
    for case, deadline in cases:
        if (case.id, deadline.clock, case.cycle) in marked and case.cycle == 1:
            metrics.count_decided(tally, case.event, deadline.clock, breached=True)
    await tally.write(connection)


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
