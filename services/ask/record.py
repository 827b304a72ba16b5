"""What every verdict entails, written in the transaction that reached it: what waits, what was
decided, what is to be sent, the counters, and the messages to the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from prometheus_client import Histogram
from pydantic import JsonValue

from services.ask import lives, metrics, store
from services.ask.decide.gates import explain, gone, next_possible_at, useful_until
from services.ask.decide.turns import Verdict, released_at
from services.ask.model import DECIDE, NOTICE, Act, Ask, Candidate, Later, Silent
from services.ask.policy import Book, Plan
from shared import db, logs, outbox
from shared.catalog.catalog import Catalog
from shared.contracts import asks
from shared.contracts.envelope import stable_id
from shared.links import Links
from shared.tallies import Tally
from shared.timers import Timer, schedule
from shared.wake import notify

CAPS = ("cap_person", "cap_touchpoint", "cap_answered")


class Recorder:
    """Writes verdicts down, many at once."""

    def __init__(
        self, catalog: Callable[[], Catalog], links: Links, public_url: str, delays: Histogram
    ) -> None:
        self._catalog = catalog
        self._links = links
        self._public_url = public_url
        self._delays = delays

    async def write(
        self, connection: db.Connection, book: Book, verdicts: Sequence[Verdict], now: datetime
    ) -> None:
        """Keep what waits; keep, count and publish what is decided; plan what is to be asked."""
        last = list({each.candidate.decision_id: each for each in verdicts}.values())
        await _wait(connection, [each for each in last if isinstance(each.decision, Later)])
        decided = [each for each in last if not isinstance(each.decision, Later)]
        if not decided:
            return
        await lives.drop_waiting(connection, [each.candidate.decision_id for each in decided])
        messages: list[outbox.Outgoing] = []
        planned: list[store.Planned] = []
        decisions: list[asks.Decision] = []
        for verdict in decided:
            with logs.trace(verdict.candidate.traceparent, "decide"):
                decisions.append(decision_of(verdict, book.version, now))
                messages.append(said("decision", decisions[-1], decisions[-1].decision_id, now))
                if isinstance(verdict.decision, Act) and verdict.plan and verdict.decision.channel:
                    planned.append(
                        self._notice(verdict, verdict.plan, verdict.decision.channel, now)
                    )
                if isinstance(verdict.decision, Ask) and verdict.plan:
                    planned.append(self._plan(verdict, verdict.plan, verdict.decision.channel, now))
                    ask = planned[-1].invitation
                    event_id = stable_id("invitation.scheduled", ask.invitation_id)
                    messages.append(said("invitation.scheduled", ask, event_id, now))
            self._observe(verdict, now)
        await store.add_decisions(connection, decisions)
        await store.add_invitations(connection, planned)
        await outbox.add(connection, messages, now)
        if planned:
            await notify(connection, "sends")
        await _tally(decided, self._catalog(), now).write(connection)

    def _plan(self, verdict: Verdict, plan: Plan, channel: str, now: datetime) -> store.Planned:
        token = self._links.sign("survey", _id(verdict))
        language = self._catalog().survey(plan.survey).language(verdict.facts.contact.locale)
        url, exempt = f"{self._public_url}/s/{token}", plan.exempt
        return self._planned(verdict, plan, (plan.survey, channel, language, url, exempt), now)

    def _notice(self, verdict: Verdict, plan: Plan, channel: str, now: datetime) -> store.Planned:
        """Plan to tell the customer something: no cap concerns it, and nobody else hears of it."""
        language = verdict.facts.contact.locale
        message = (NOTICE, channel, language, self._public_url, True)
        return self._planned(verdict, plan, message, now)

    def _planned(
        self,
        verdict: Verdict,
        plan: Plan,
        message: tuple[str, str, str | None, str, bool],
        now: datetime,
    ) -> store.Planned:
        candidate, signal = verdict.candidate, verdict.candidate.signal
        survey, channel, language, url, exempt = message
        invitation = asks.Invitation(
            invitation_id=_id(verdict),
            decision_id=candidate.decision_id,
            touchpoint=plan.touchpoint,
            survey=survey,
            customer_id=signal.customer_id,
            channel=channel,
            language=language,
            survey_url=url,
            occurred_at=signal.occurred_at,
            expires_at=now + plan.answer_within,
            at=now,
            attribution=candidate.attribution,
            correlation=signal.correlation,
            attributes=_attributes(verdict),
        )
        until = useful_until(verdict.facts, plan)
        return store.Planned(invitation, until, plan.answer_within, candidate.traceparent, exempt)

    def _observe(self, verdict: Verdict, now: datetime) -> None:
        if verdict.plan is not None:
            with logs.within(verdict.candidate.traceparent):
                source = metrics.source(verdict.candidate.signal.source, self._catalog())
                measured = self._delays.labels(source)
                measured.observe(_late(verdict, verdict.plan, now), logs.example())


def _late(verdict: Verdict, plan: Plan, now: datetime) -> float:
    return max(0.0, (now - released_at(verdict.candidate, plan)).total_seconds())


async def withdrawn(
    connection: db.Connection, invitations: Sequence[asks.Invitation], now: datetime
) -> None:
    """Tell the others of asks whose reason went away before they were sent."""
    tally, messages = Tally(), []
    for each in invitations:
        if each.survey == NOTICE:
            continue
        body = each.model_copy(update={"at": now, "failure": "cancelled"})
        event_id = stable_id("invitation.cancelled", each.invitation_id)
        messages.append(said("invitation.cancelled", body, event_id, now))
        tally.add("invitation_failures", each.channel, "cancelled")
    await outbox.add(connection, messages, now)
    await tally.write(connection)


async def come_back(connection: db.Connection, book: Book, waiting: Iterable[Candidate]) -> None:
    """Set the timers of waiting moments."""
    await schedule(connection, [_timer(each, book.plans.get(each.touchpoint)) for each in waiting])


def decision_of(verdict: Verdict, version: str, now: datetime) -> asks.Decision:
    """Return a verdict as the others see it."""
    candidate, signal, made = verdict.candidate, verdict.candidate.signal, verdict.decision
    plan, facts = verdict.plan, verdict.facts
    capped = plan is not None and isinstance(made, Silent) and made.reason in CAPS
    return asks.Decision(
        decision_id=candidate.decision_id,
        touchpoint=candidate.touchpoint,
        customer_id=signal.customer_id,
        signal=signal.signal,
        source=signal.source,
        source_event_id=signal.source_event_id,
        occurred_at=signal.occurred_at,
        decided_at=now,
        outcome=_outcome(verdict),
        silence=made.reason if isinstance(made, Silent) else None,
        rules=explain(facts, plan, made, now) if plan else gone(candidate.touchpoint, made),
        catalog_version=version,
        probability=plan.probability if plan else 1.0,
        attribution=candidate.attribution,
        correlation=signal.correlation,
        invitation_id=_invitation_id(verdict),
        next_possible_at=next_possible_at(facts, plan) if plan and capped else None,
        attributes=_attributes(verdict),
        notify=plan.tells if plan and isinstance(made, Act) else None,
    )


def _attributes(verdict: Verdict) -> dict[str, JsonValue]:
    """Return what the event says, and of the card what the event says nothing about."""
    return {**verdict.facts.contact.told(), **verdict.candidate.signal.attributes}


def said(
    what: str, body: asks.Decision | asks.Invitation, id: str, now: datetime
) -> outbox.Outgoing:
    """Wrap a decision or an invitation for the outbox."""
    return outbox.event(
        service="ask",
        type=f"touchback.{what}.v1",
        body=body,
        customer_id=body.customer_id,
        at=now,
        id=id,
    )


def _outcome(verdict: Verdict) -> asks.Outcome:
    match verdict.decision:
        case Ask():
            return "ask"
        case Act(what=what):
            return what
        case _:
            return "silent"


def _id(verdict: Verdict) -> str:
    return stable_id("invitation", verdict.candidate.decision_id)


def _invitation_id(verdict: Verdict) -> str | None:
    asked = isinstance(verdict.decision, Ask)
    return _id(verdict) if asked else None


async def _wait(connection: db.Connection, verdicts: Sequence[Verdict]) -> None:
    await lives.save_waiting(connection, [each.candidate for each in verdicts])
    await schedule(connection, [_timer(each.candidate, each.plan) for each in verdicts])


def _timer(candidate: Candidate, plan: Plan | None) -> Timer:
    # A name of its own for each time: setting one that another sweep holds would wait for that
    # sweep, which waits for this customer.
    at = released_at(candidate, plan)
    return Timer(DECIDE, f"{candidate.decision_id}@{at.isoformat()}", at)


def _tally(verdicts: Iterable[Verdict], catalog: Catalog, now: datetime) -> Tally:
    tally = Tally()
    for verdict in verdicts:
        if verdict.plan is not None and verdict.decision != Silent("stale_event"):
            late = _late(verdict, verdict.plan, now)
            source = metrics.source(verdict.candidate.signal.source, catalog)
            metrics.count_decided(tally, source, late)
        touchpoint = verdict.candidate.touchpoint
        tally.add("decisions", touchpoint, _outcome(verdict))
        if isinstance(verdict.decision, Silent):
            tally.add("silences", touchpoint, verdict.decision.reason)
            if verdict.decision.reason == "rule_error":
                tally.add("rule_errors", touchpoint)
    return tally
