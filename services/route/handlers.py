"""What `route` does about responses, and about what `close` says of cases."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.route import decide, policy, record, store
from services.route.messages import case_event
from services.route.model import (
    Attached,
    Delivery,
    Facts,
    Heard,
    Opened,
    Outcome,
    Tidings,
    Unaffected,
)
from shared import db, logs, outbox
from shared.catalog import Catalog
from shared.consume import Item
from shared.contracts.asks import Decision
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Feedback, Response
from shared.erasure import is_stand_in
from shared.tallies import Tally

_log = logging.getLogger(__name__)
_CLOSE = "touchback/close"
_HEARD = {"touchback.response.completed.v1": False, "touchback.response.amended.v1": True}


@dataclass(slots=True)
class _Batch:
    """What one batch comes to; it is written at once at its end.

    `owners` are the teams of reassigned cases as they were before, `raised` the priorities of cases
    that became more urgent.
    """

    facts: Facts
    owners: Mapping[str, str] = field(default_factory=dict)
    raised: dict[str, str] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)
    responses: dict[str, str | None] = field(default_factory=dict)
    alerts: list[Delivery] = field(default_factory=list)
    messages: list[outbox.Outgoing] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


class Handlers:
    """Takes batches of touchback.responses and touchback.cases."""

    def __init__(self, catalog: Callable[[], Catalog], console_url: str) -> None:
        self._catalog = catalog
        self._console_url = console_url

    async def handle(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Follow what became of cases, then route the low scores."""
        events = [item.value for item in items]
        moved = [case for event in events if (case := _moved(event)) is not None]
        before = await _owners(connection, events)
        if moved:
            await store.hold_cases(connection, {case.case_id for case in moved})
        await store.move_cases(connection, moved)
        wanted = [heard for event in events if (heard := _heard(event)) is not None]
        facts = await store.facts(connection, wanted, now) if wanted else Facts({}, {})
        batch = _Batch(facts, before)
        catalog = self._catalog()
        for event in events:
            with logs.trace(event.traceparent, "route"):
                self._take(batch, event, catalog, now)
        if moved:
            await self._bring_up_to_date(connection, batch, moved, catalog)
        if batch.responses or batch.alerts:
            await _write(connection, batch, now)

    def _take(self, batch: _Batch, event: Event, catalog: Catalog, now: datetime) -> None:
        heard = _heard(event)
        if heard is not None:
            self._decide(batch, heard, catalog, now)
            return
        body = event.body
        if isinstance(body, Decision) and body.outcome == "notify" and body.notify != "customer":
            self._alert(batch, decide.signalled(body, catalog, self._console_url))
        elif (case := _moved(event)) is not None:
            self._alert(batch, self._told(batch, event.type, case, catalog, now))

    def _told(
        self, batch: _Batch, type: str, case: CaseEvent, catalog: Catalog, now: datetime
    ) -> list[Delivery]:
        """Return the alerts that follow from what `close` says."""
        console = self._console_url
        match type:
            case "touchback.case.rescored.v1" if decide.came_back(case):
                # The customer had taken the low score back, and its alerts have ended with it.
                return decide.handed_on(case, "case.reopened", case.team, catalog, console)
            case "touchback.case.attached.v1" if decide.came_back(case):
                # `close` may have known before `route` that the case was over. Where `route` knew
                # it as well, these are the alerts that it has queued already.
                return decide.alerts_again(case, catalog, console, now)
            case "touchback.case.reopened.v1":
                return decide.handed_on(case, "case.reopened", case.team, catalog, console)
            case "touchback.case.warned.v1":
                return decide.warned(case, catalog, console)
            case "touchback.case.escalated.v1" if case.escalated_to:
                return decide.handed_on(case, "case.escalated", case.escalated_to, catalog, console)
            case "touchback.case.reassigned.v1" if batch.owners.get(case.case_id) != case.team:
                return decide.handed_on(case, "case.reassigned", case.team, catalog, console)
        return []

    async def _bring_up_to_date(
        self,
        connection: db.Connection,
        batch: _Batch,
        moved: Sequence[CaseEvent],
        catalog: Catalog,
    ) -> None:
        """What was said of these cases is changed where receivers let us, else overtaken."""
        cases = await store.cases_now(connection, {case.case_id for case in moved})
        await store.overtaken(connection, list(cases.values()))
        kinds = {channel.kind for team in catalog.teams for channel in team.channels}
        if kinds & policy.KEPT_CURRENT:
            rows = await store.current(connection, cases)
            batch.alerts += decide.updatable(rows, cases)

    def _decide(self, batch: _Batch, heard: Heard, catalog: Catalog, now: datetime) -> None:
        outcome = decide.decide(heard, batch.facts, catalog, now)
        response = heard.response
        new = response.response_id not in batch.facts.responses
        match outcome:
            case Opened():
                self._opened(batch, outcome, catalog)
            case Attached():
                self._attached(batch, outcome, catalog, now)
            case Unaffected("unlinked") if response.score is not None:
                told = decide.unlinked(response, response.score, catalog, self._console_url)
                self._tell(batch, told)
        case_id = None if not isinstance(outcome, (Opened, Attached)) else outcome.event.case_id
        if new and not heard.amended:
            self._pass_on(batch, heard, catalog)
        if case_id is not None or not heard.amended:
            _remember(batch, response, case_id)
        _report(outcome, response)

    def _pass_on(self, batch: _Batch, heard: Heard, catalog: Catalog) -> None:
        """Tell of high scores; words that nobody asked for are read by somebody in any case."""
        response = heard.response
        praise = decide.praise(response, catalog, self._console_url)
        self._tell(batch, praise)
        if heard.source != "response" and response.band != "low" and not praise.alerts:
            self._tell(batch, decide.told(heard, catalog, self._console_url))

    def _tell(self, batch: _Batch, tidings: Tidings) -> None:
        self._alert(batch, tidings.alerts)
        if tidings.error is not None:
            batch.tally.add("rule_errors")
            _log.warning("rule failed", extra={"action": "rule_error", "reason": tidings.error})

    def _opened(self, batch: _Batch, outcome: Opened, catalog: Catalog) -> None:
        event = outcome.event
        batch.opened.append(outcome)
        batch.facts.open_cases[event.customer_id, event.touchpoint] = decide.known_case(event)
        batch.messages.append(case_event("opened", event))
        batch.tally.add("cases_opened", event.team, event.priority)
        _count(batch, outcome)
        self._alert(batch, decide.alerts(event, catalog, self._console_url))

    def _attached(self, batch: _Batch, outcome: Attached, catalog: Catalog, now: datetime) -> None:
        event, console = outcome.event, self._console_url
        batch.messages.append(case_event("attached", event))
        batch.tally.add("cases_attached", event.team, event.priority)
        _count(batch, outcome)
        key = (event.customer_id, event.touchpoint)
        known = batch.facts.open_cases[key]
        # As `close` will have it: a further score of this batch joins a case at work.
        state = "assigned" if outcome.again else known.state
        batch.facts.open_cases[key] = replace(known, state=state, priority=event.priority)
        if event.raised_from is not None:
            batch.raised[event.case_id] = event.priority
        if outcome.again:
            self._alert(batch, decide.alerts_again(event, catalog, console, now))
        elif event.raised_from is not None:
            self._alert(batch, decide.raised(event, known.deadlines, catalog, console))

    def _alert(self, batch: _Batch, alerts: Sequence[Delivery]) -> None:
        batch.alerts += [replace(alert, traceparent=logs.traceparent()) for alert in alerts]


def _count(batch: _Batch, outcome: Opened | Attached) -> None:
    customer = outcome.event.customer_id
    batch.facts.low_scores[customer] = batch.facts.low_scores.get(customer, 0) + 1
    if outcome.assigned.error is not None:
        batch.tally.add("rule_errors")
    if isinstance(outcome, Opened) and outcome.assigned.reason != "rule_matched":
        batch.tally.add("cases_unroutable", outcome.assigned.reason)


def _moved(event: Event) -> CaseEvent | None:
    if event.source != _CLOSE or not isinstance(event.body, CaseEvent):
        return None
    return event.body


def _heard(event: Event) -> Heard | None:
    body = event.body
    if is_stand_in(event.subject):
        # An erased customer's: there is nobody any more with whom it could be put right.
        return None
    if isinstance(body, Decision):
        return decide.effort(body) if body.outcome == "case" else None
    if isinstance(body, Feedback):
        return decide.unasked(body)
    amended = _HEARD.get(event.type)
    if amended is None or not isinstance(body, Response):
        return None
    # Answers of long ago, brought in for the record: nobody is told of them.
    return None if body.origin == "import" else Heard(body, amended)


async def _owners(connection: db.Connection, events: Sequence[Event]) -> Mapping[str, str]:
    cases = [case for event in events if (case := _moved(event)) is not None]
    handed = [case.case_id for case in cases if case.reason == "handed_over"]
    return await store.teams(connection, handed)


def _remember(batch: _Batch, response: Response, case_id: str | None) -> None:
    known = batch.facts.responses.get(response.response_id)
    batch.facts.responses[response.response_id] = known or case_id
    batch.responses[response.response_id] = known or case_id


async def _write(connection: db.Connection, batch: _Batch, now: datetime) -> None:
    if batch.opened:
        await store.add_cases(connection, batch.opened)
    await store.raise_cases(connection, batch.raised)
    batch.messages += await record.owe(connection, batch.alerts, now)
    if batch.responses:
        await store.add_responses(connection, batch.responses, now)
    await outbox.add(connection, batch.messages, now)
    await batch.tally.write(connection)


def _report(outcome: Outcome, response: Response) -> None:
    match outcome:
        case Opened(event=event, assigned=assigned):
            extra = {
                "action": "case_opened",
                "case_id": event.case_id,
                "response_id": response.response_id,
                "team": event.team,
                "reason": assigned.reason,
            }
            level = logging.WARNING if assigned.error else logging.INFO
            _log.log(level, "case opened", extra={**extra, "rule_error": assigned.error})
        case Attached(event=event):
            _log.info(
                "case attached",
                extra={
                    "action": "case_attached",
                    "case_id": event.case_id,
                    "response_id": response.response_id,
                },
            )
