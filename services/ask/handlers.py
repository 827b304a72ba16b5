"""Signals, profiles, opt-outs, due moments: load what is known, decide, write it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Histogram

from services.ask import store
from services.ask.decide import attribution, broken, decide, gone, match
from services.ask.model import (
    Ask,
    Broken,
    Candidate,
    Contact,
    Decision,
    DecisionId,
    Known,
    Later,
    Silent,
    decision_id,
)
from services.ask.policy import Book, Plan, book
from shared import db, logs, outbox
from shared.catalog.catalog import Catalog
from shared.consume import Item, own_messages
from shared.contracts import asks
from shared.contracts.envelope import Event, stable_id
from shared.contracts.responses import OptOut
from shared.contracts.signals import Profile, Signal
from shared.links import Links
from shared.records import Record
from shared.tallies import Tally
from shared.timers import Timer, schedule
from shared.wake import notify

DECIDE = "decide"
"""The kind of timer that comes back to a waiting moment; its ref is the decision's id."""


def parse(record: Record) -> Sequence[Item[Event]]:
    """Read a record; most of what stands on touchback.responses is no business of asking."""
    concerns = (Signal, Profile, OptOut)
    return [item for item in own_messages(record) if isinstance(item.value.body, concerns)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a candidate; `plan` is None when its touchpoint left the catalog."""

    candidate: Candidate
    plan: Plan | None
    decision: Decision


class Desk:
    """Decides about moments, many at once. All of it happens in the caller's transaction."""

    def __init__(
        self, catalog: Callable[[], Catalog], links: Links, public_url: str, delays: Histogram
    ) -> None:
        self._catalog = catalog
        self._links = links
        self._public_url = public_url
        self._delays = delays

    async def hear(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Take signals and profiles; profiles first, so that an address that came along counts."""
        bodies = [item.value.body for item in items]
        await store.save_profiles(connection, (b for b in bodies if isinstance(b, Profile)))
        await store.save_opt_outs(connection, (b for b in bodies if isinstance(b, OptOut)))
        catalog = self._catalog()
        plans = book(catalog)
        signals = [item.value for item in items if _concerns(item.value, plans)]
        if not signals:
            return
        cards = await store.contacts(
            connection, sorted({s.body.customer_id for s in signals if isinstance(s.body, Signal)})
        )
        matches = _matches(signals, cards, plans)
        if not matches:
            return
        await store.lock_customers(
            connection, (c.signal.customer_id for c, _, _ in matches.values())
        )
        seen = await store.known_decisions(connection, list(matches))
        fresh = [found for key, found in matches.items() if key not in seen]
        known = await _known(connection, cards, [c for c, _, _ in fresh])
        verdicts = [_judge(found, known, now) for found in fresh]
        await self._write(connection, catalog, known, verdicts, now)

    async def reconsider(
        self, connection: db.Connection, due: Sequence[Timer], now: datetime
    ) -> None:
        """Decide about moments whose delay is over."""
        waiting = await store.candidates(connection, [timer.ref for timer in due])
        if not waiting:
            return
        customers = sorted({each.signal.customer_id for each in waiting})
        await store.lock_customers(connection, customers)
        await store.drop_candidates(connection, [each.decision_id for each in waiting])
        catalog = self._catalog()
        plans = book(catalog).plans
        cards = await store.contacts(connection, customers)
        known = await _known(connection, cards, waiting)
        verdicts = [_judge((c, plans.get(c.touchpoint), None), known, now) for c in waiting]
        await self._write(connection, catalog, known, verdicts, now)

    async def _write(
        self,
        connection: db.Connection,
        catalog: Catalog,
        known: Known,
        verdicts: Sequence[Verdict],
        now: datetime,
    ) -> None:
        """Keep what waits; keep, count and publish what is decided; plan what is to be asked."""
        await _wait(connection, [v for v in verdicts if isinstance(v.decision, Later)])
        decided = [v for v in verdicts if not isinstance(v.decision, Later)]
        messages: list[outbox.Outgoing] = []
        planned: list[store.Planned] = []
        decisions: list[asks.Decision] = []
        for verdict in decided:
            with logs.trace(verdict.candidate.traceparent):
                decisions.append(_decision(verdict, catalog.version, now))
                messages.append(_said("decision", decisions[-1], decisions[-1].decision_id, now))
                if isinstance(verdict.decision, Ask) and verdict.plan:
                    planned.append(self._plan(verdict, verdict.plan, catalog, known, now))
                    ask = planned[-1].invitation
                    event_id = stable_id("invitation.scheduled", ask.invitation_id)
                    messages.append(_said("invitation.scheduled", ask, event_id, now))
            self._observe(verdict, now)
        await store.add_decisions(connection, decisions)
        await store.add_invitations(connection, planned)
        await outbox.add(connection, messages, now)
        if planned:
            await notify(connection, "sends")
        await _tally(decided).write(connection)

    def _plan(
        self, verdict: Verdict, plan: Plan, catalog: Catalog, known: Known, now: datetime
    ) -> store.Planned:
        candidate, signal = verdict.candidate, verdict.candidate.signal
        contact = known.contacts.get(signal.customer_id, Contact())
        invitation_id = stable_id("invitation", candidate.decision_id)
        token = self._links.sign("survey", invitation_id)
        invitation = asks.Invitation(
            invitation_id=invitation_id,
            decision_id=candidate.decision_id,
            touchpoint=plan.touchpoint,
            survey=plan.survey,
            customer_id=signal.customer_id,
            channel=verdict.decision.channel if isinstance(verdict.decision, Ask) else "",
            language=catalog.survey(plan.survey).language(contact.locale),
            survey_url=f"{self._public_url}/s/{token}",
            occurred_at=signal.occurred_at,
            expires_at=now + plan.answer_within,
            at=now,
            attribution=candidate.attribution,
            correlation=signal.correlation,
            attributes=signal.attributes,
        )
        useful_until = signal.occurred_at + plan.useful_for
        return store.Planned(invitation, useful_until, plan.answer_within, candidate.traceparent)

    def _observe(self, verdict: Verdict, now: datetime) -> None:
        signal = verdict.candidate.signal
        if verdict.plan is not None:
            late = now - (signal.occurred_at + verdict.plan.delay)
            self._delays.labels(signal.source).observe(max(0.0, late.total_seconds()))


Found = tuple[Candidate, Plan | None, Broken | None]


def _concerns(event: Event, plans: Book) -> bool:
    return isinstance(event.body, Signal) and event.body.signal in plans.on_signal


def _matches(
    events: Iterable[Event], cards: dict[str, Contact], plans: Book
) -> dict[DecisionId, Found]:
    """Return the matches in the order of their events, each event once."""
    found: dict[DecisionId, Found] = {}
    for event in events:
        if not isinstance(event.body, Signal):
            continue
        signal = event.body
        card = cards.get(signal.customer_id, Contact())
        for plan, verdict in match(signal, card, plans.on_signal[signal.signal]):
            key = decision_id(signal, plan.touchpoint)
            candidate = Candidate(
                key, plan.touchpoint, signal, attribution(signal, plan), event.traceparent
            )
            problem = verdict if isinstance(verdict, Broken) else None
            found.setdefault(key, (candidate, plan, problem))
    return found


async def _known(
    connection: db.Connection, cards: dict[str, Contact], candidates: Sequence[Candidate]
) -> Known:
    histories = await store.histories(connection, candidates)
    customers = sorted({each.signal.customer_id for each in candidates})
    return Known(cards, histories, await store.opt_outs(connection, customers))


def _judge(found: Found, known: Known, now: datetime) -> Verdict:
    candidate, plan, problem = found
    if plan is None:
        return Verdict(candidate, None, gone(candidate.touchpoint))
    if problem is not None:
        return Verdict(candidate, plan, broken(problem))
    decision = decide(known.facts(candidate), plan, now)
    if isinstance(decision, Ask):
        known.remember_ask(candidate)
    return Verdict(candidate, plan, decision)


async def _wait(connection: db.Connection, verdicts: Sequence[Verdict]) -> None:
    await store.add_candidates(connection, [verdict.candidate for verdict in verdicts])
    timers = [
        Timer(DECIDE, v.candidate.decision_id, v.decision.due_at)
        for v in verdicts
        if isinstance(v.decision, Later)
    ]
    await schedule(connection, timers)


def _decision(verdict: Verdict, version: str, now: datetime) -> asks.Decision:
    candidate, signal, made = verdict.candidate, verdict.candidate.signal, verdict.decision
    assert not isinstance(made, Later)  # noqa: S101  (the caller keeps those apart; for the type checker)
    asked = isinstance(made, Ask)
    return asks.Decision(
        decision_id=candidate.decision_id,
        touchpoint=candidate.touchpoint,
        customer_id=signal.customer_id,
        signal=signal.signal,
        source=signal.source,
        source_event_id=signal.source_event_id,
        occurred_at=signal.occurred_at,
        decided_at=now,
        outcome="ask" if asked else "silent",
        silence=made.reason if isinstance(made, Silent) else None,
        rules=made.rules,
        catalog_version=version,
        probability=made.probability,
        attribution=candidate.attribution,
        correlation=signal.correlation,
        invitation_id=stable_id("invitation", candidate.decision_id) if asked else None,
    )


def _said(
    what: str, body: asks.Decision | asks.Invitation, id: str, now: datetime
) -> outbox.Outgoing:
    return outbox.event(
        service="ask",
        type=f"touchback.{what}.v1",
        body=body,
        customer_id=body.customer_id,
        at=now,
        id=id,
    )


def _tally(verdicts: Iterable[Verdict]) -> Tally:
    tally = Tally()
    for verdict in verdicts:
        touchpoint = verdict.candidate.touchpoint
        if isinstance(verdict.decision, Silent):
            tally.add("decisions", touchpoint, "silent")
            tally.add("silences", touchpoint, verdict.decision.reason)
            if verdict.decision.reason == "rule_error":
                tally.add("rule_errors", touchpoint)
        else:
            tally.add("decisions", touchpoint, "ask")
    return tally
