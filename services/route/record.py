"""What an attempt, a batch or a request entails, written in its transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.route import decide, metrics, policy, store
from services.route.messages import AlertEvent, alert_event
from services.route.model import (
    Accepted,
    Again,
    Delivery,
    Occasion,
    Owed,
    Progress,
    Queued,
    Refused,
    Settled,
)
from shared import db, logs, outbox, timers
from shared.catalog import Catalog, targets
from shared.tallies import Tally
from shared.wake import notify

_log = logging.getLogger(__name__)


async def owe(
    connection: db.Connection,
    alerts: Sequence[Delivery],
    now: datetime,
    why: Queued | None = None,
) -> list[outbox.Outgoing]:
    """Write down alerts that are to be delivered; returns what is to be said about those new."""
    if not alerts:
        return []
    known = await store.known(connection, alerts, now)
    added = await store.add_deliveries(connection, decide.plan(alerts, known, now), now)
    await notify(connection, "deliveries")
    return [queued(owed.delivery, now, why or _why(owed)) for owed in added if _is_news(owed)]


def queued(alert: Delivery, now: datetime, why: Queued | None) -> outbox.Outgoing:
    """Say that an alert is on its way."""
    with logs.within(alert.traceparent):
        return alert_event("queued", alert, now, why)


def _is_news(owed: Owed) -> bool:
    # Those further down the order of failing over are told of when their turn comes.
    return policy.reported(owed.delivery) and not owed.delivery.rank


def _why(owed: Owed) -> Queued | None:
    match owed.state:
        case "gathered":
            return "gathered"
        case "silenced":
            return "silenced"
        case _:
            return None


# --- attempts that are over ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt means for its row, for readers of the topic, and for the counters."""

    settled: Settled
    progress: Progress
    next_at: datetime

    @property
    def delivery(self) -> Delivery:
        return self.settled.delivery

    @property
    def row(self) -> tuple[object, ...]:
        delivery, result = self.settled.delivery, self.settled.result
        refused = isinstance(result, Refused)
        receipt = None if isinstance(result, Refused) or not result.receipt else result.receipt
        return (
            delivery.alert_id,
            delivery.fence,
            self.progress,
            self.next_at,
            result.failure if isinstance(result, Refused) else None,
            None if refused else self.settled.at,
            None if receipt is None else dict(receipt),
        )

    def tell(self, tally: Tally) -> list[outbox.Outgoing]:
        """Count the attempt and return what is to be said about it."""
        delivery, result = self.settled.delivery, self.settled.result
        tally.add("alert_attempts", delivery.kind)
        if isinstance(result, Accepted):
            tally.add("alerts_delivered", delivery.kind)
            return self._said("delivered")
        tally.add("alert_failures", delivery.kind, result.failure)
        self._complain(result.failure)
        ended = self._said("exhausted") if self.progress == "exhausted" else []
        return [*self._said("failed"), *ended]

    def _said(self, what: AlertEvent) -> list[outbox.Outgoing]:
        delivery, result = self.settled.delivery, self.settled.result
        if not delivery.case_id or delivery.round == policy.REFRESHED:
            return []
        failure = result.failure if isinstance(result, Refused) else None
        with logs.within(delivery.traceparent):
            return [alert_event(what, delivery, self.settled.at, failure)]

    def _complain(self, failure: str) -> None:
        delivery = self.settled.delivery
        _log.warning(
            "alert not delivered",
            extra={
                "action": "alert_exhausted" if self.progress == "exhausted" else "alert_failed",
                "alert_id": delivery.alert_id,
                "endpoint": delivery.endpoint,
                "attempt": delivery.attempt,
                "reason": failure,
            },
        )


def verdict(settled: Settled, chance: Callable[[], float]) -> Verdict:
    """Judge an attempt."""
    match settled.result:
        case Accepted():
            return Verdict(settled, "delivered", settled.at)
        case Refused() as refused:
            delivery = settled.delivery
            step = decide.after_failure(delivery.kind, delivery.attempt, refused, chance)
            if isinstance(step, Again):
                return Verdict(settled, "due", settled.at + step.delay)
            return Verdict(settled, "exhausted", settled.at)


@dataclass(slots=True)
class _Outcome:
    """What a bundle of attempts comes to."""

    now: datetime
    catalog: Catalog
    console: str
    messages: list[outbox.Outgoing] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


async def attempts(
    connection: db.Connection,
    verdicts: Sequence[Verdict],
    catalog: Catalog,
    console: str,
    now: datetime,
) -> list[Delivery]:
    """Write outcomes, messages and counts; returns what was the first delivery of its case."""
    # Whoever changes cases and their alerts takes the cases first: no two wait for each other, and
    # who ends the last alert of a case sees that it is the last.
    digests = [each.delivery.alert_id for each in verdicts if _is_digest(each.delivery)]
    await store.hold_cases(connection, {each.delivery.case_id for each in verdicts}, digests)
    alone = [each.delivery for each in verdicts if _stands_alone(each.delivery)]
    await store.hold_others(connection, alone, digests)
    held = await store.settle(connection, [each.row for each in verdicts])
    kept = [each for each in verdicts if each.delivery.alert_id in held]
    outcome = _Outcome(now, catalog, console)
    for each in kept:
        outcome.messages += each.tell(outcome.tally)
    accepted = [each.delivery for each in kept if each.progress == "delivered"]
    accepted += await _digested(connection, accepted, "delivered", outcome)
    ended = [each.delivery for each in kept if each.progress == "exhausted"]
    ended += await _digested(connection, ended, "exhausted", outcome)
    await _endpoints(connection, kept, outcome)
    await store.fail_over(connection, _lost(kept), now)
    await _escalated(connection, ended, outcome)
    await store.spare(connection, [d for d in accepted if policy.takes_turns(d)])
    await _bring_up_to_date(connection, accepted, outcome)
    fading = [refresh_of(each.case_id, now) for each in accepted if _fades(each)]
    await timers.schedule(connection, fading)
    reported = {d.case_id for d in accepted if policy.reported(d)}
    first = await store.mark_routed(connection, reported, now)
    routed = list({d.case_id: d for d in accepted if d.case_id in first}.values())
    boundaries = targets.boundaries(catalog.teams)
    for delivery in routed:
        metrics.count_routed(outcome.tally, delivery, now, boundaries)
    await outbox.add(connection, outcome.messages, now)
    await outcome.tally.write(connection)
    return routed


def _fades(alert: Delivery) -> bool:
    ended = alert.notice.get("state") in policy.ENDED
    return alert.kind == "alertmanager" and bool(alert.case_id) and not ended


def refresh_of(case_id: str, now: datetime) -> timers.Timer:
    """Return the one timer of a case by which receivers that forget are told of it again."""
    return timers.Timer(policy.REFRESHED, case_id, now + policy.REFRESH)


def _lost(verdicts: Sequence[Verdict]) -> list[Delivery]:
    """Those that nothing will come of soon: the next channel need not wait."""
    return [
        each.delivery
        for each in verdicts
        if policy.takes_turns(each.delivery) and each.progress == "exhausted"
    ]


def _stands_alone(alert: Delivery) -> bool:
    return not alert.case_id and (alert.owed or policy.takes_turns(alert))


def _is_digest(alert: Delivery) -> bool:
    return alert.notice["type"] == "alerts.digest"


async def _digested(
    connection: db.Connection, settled: Sequence[Delivery], state: Progress, outcome: _Outcome
) -> list[Delivery]:
    digests = [each.alert_id for each in settled if _is_digest(each)]
    found = await store.digested(connection, digests, state, outcome.now)
    what: AlertEvent = "delivered" if state == "delivered" else "exhausted"
    for alert in found:
        if alert.case_id:
            with logs.within(alert.traceparent):
                outcome.messages.append(alert_event(what, alert, outcome.now))
    return found


async def _endpoints(
    connection: db.Connection, verdicts: Sequence[Verdict], outcome: _Outcome
) -> None:
    """Remember who refuses us, tell the operators once, and forget who accepts again."""
    rows, lost = {}, {}
    for each in verdicts:
        result, alert = each.settled.result, each.delivery
        if isinstance(result, Accepted) or result.failure not in policy.BROKEN:
            continue
        state = policy.BROKEN[result.failure]
        target = decide.target(decide.channel_of(outcome.catalog, alert))
        rows[alert.endpoint] = (alert.endpoint, state, target, result.failure)
        lost[alert.endpoint] = (alert, result.failure)
    news = await store.refuse(connection, [rows[name] for name in sorted(rows)], outcome.now)
    notices = [
        notice
        for name in sorted(news)
        for notice in decide.failing(*lost[name], outcome.catalog, outcome.console, outcome.now)
    ]
    await owe(connection, notices, outcome.now)
    accepted = [each.delivery for each in verdicts if each.progress == "delivered"]
    await store.accept(connection, {d.endpoint for d in accepted if d.health != "working"})


async def _escalated(
    connection: db.Connection, ended: Sequence[Delivery], outcome: _Outcome
) -> None:
    """Tell the fallback team of what no channel has heard."""
    occasions: dict[Occasion, Delivery] = {d.occasion: d for d in ended if d.owed}
    if not occasions:
        return
    alerts: list[Delivery] = []
    for key, tried in (await store.unheard(connection, occasions)).items():
        escalated = decide.escalation(occasions[key], tried, outcome.catalog)
        alerts += escalated
        _report(occasions[key], escalated)
        if escalated:
            outcome.tally.add("alerts_escalated", occasions[key].team)
    outcome.messages += await owe(connection, alerts, outcome.now, "none_accepted")


async def _bring_up_to_date(
    connection: db.Connection, accepted: Sequence[Delivery], outcome: _Outcome
) -> None:
    """The case may have gone on while its alert was on the way."""
    changeable = [d for d in accepted if d.kind in policy.KEPT_CURRENT]
    told = {d.alert_id: d.case_id for d in changeable if policy.reported(d)}
    if not told:
        return
    rows = [row for row in await store.current(connection, told.values()) if row.alert_id in told]
    sent = {d.alert_id: d.notice for d in accepted}
    cases = await store.cases_now(connection, {row.case_id for row in rows})
    behind = decide.updatable([replace(row, notice=sent[row.alert_id]) for row in rows], cases)
    await owe(connection, behind, outcome.now)


def _report(lost: Delivery, escalated: Sequence[Delivery]) -> None:
    _log.error(
        "no channel accepted the alert",
        extra={
            "action": "alert_escalated" if escalated else "case_unheard",
            "case_id": lost.case_id,
            "team": lost.team,
        },
    )
