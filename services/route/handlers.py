"""What `route` does about responses, and about what `close` says of cases."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.route import decide, store
from services.route.messages import alert_event, case_event
from services.route.model import Attached, Delivery, Facts, Heard, Opened, Outcome
from shared import db, logs, outbox
from shared.catalog import Catalog
from shared.consume import Item
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.tallies import Tally
from shared.wake import notify

_log = logging.getLogger(__name__)
_CLOSE = "touchback/close"
_ATTACHED = "touchback.case.attached.v1"
_HEARD = {"touchback.response.completed.v1": False, "touchback.response.amended.v1": True}


@dataclass(slots=True)
class _Batch:
    """What one batch comes to; it is written at once at its end."""

    facts: Facts
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
        await store.move_cases(connection, moved)
        wanted = [heard for event in events if (heard := _heard(event)) is not None]
        batch = _Batch(await store.facts(connection, wanted) if wanted else Facts({}, {}))
        catalog = self._catalog()
        for event in events:
            with logs.trace(event.traceparent):
                self._take(batch, event, catalog, now)
        if wanted or batch.alerts:
            await _write(connection, batch, now)

    def _take(self, batch: _Batch, event: Event, catalog: Catalog, now: datetime) -> None:
        heard = _heard(event)
        if heard is not None:
            self._decide(batch, heard, catalog, now)
            return
        # `close` may have known before `route` that the case was done. Where `route` knew it as
        # well, these are the alerts that it has queued already.
        case = _moved(event) if event.type == _ATTACHED else None
        if case is not None and decide.came_back(case):
            self._alert(batch, decide.alerts_again(case, catalog, self._console_url, now))

    def _decide(self, batch: _Batch, heard: Heard, catalog: Catalog, now: datetime) -> None:
        outcome = decide.decide(heard, batch.facts, catalog, now)
        response = heard.response
        match outcome:
            case Opened():
                self._opened(batch, outcome, catalog)
            case Attached():
                self._attached(batch, outcome, catalog, now)
        case_id = None if not isinstance(outcome, (Opened, Attached)) else outcome.event.case_id
        if case_id is not None or not heard.amended:
            _remember(batch, response, case_id)
        _report(outcome, response)

    def _opened(self, batch: _Batch, outcome: Opened, catalog: Catalog) -> None:
        event = outcome.event
        batch.opened.append(outcome)
        batch.facts.open_cases[event.customer_id, event.touchpoint] = decide.known_case(event)
        batch.messages.append(case_event("opened", event))
        batch.tally.add("cases_opened", event.team, event.priority)
        if outcome.assigned.reason == "rule_error":
            batch.tally.add("rule_errors")
        self._alert(batch, decide.alerts(event, catalog, self._console_url))

    def _attached(self, batch: _Batch, outcome: Attached, catalog: Catalog, now: datetime) -> None:
        event = outcome.event
        batch.messages.append(case_event("attached", event))
        batch.tally.add("cases_attached", event.team, event.priority)
        if outcome.again:
            key = (event.customer_id, event.touchpoint)
            # As `close` will have it: a further score of this batch joins a case at work.
            batch.facts.open_cases[key] = replace(batch.facts.open_cases[key], state="assigned")
            self._alert(batch, decide.alerts_again(event, catalog, self._console_url, now))

    def _alert(self, batch: _Batch, alerts: Sequence[Delivery]) -> None:
        batch.alerts += [replace(alert, traceparent=logs.traceparent()) for alert in alerts]


def _moved(event: Event) -> CaseEvent | None:
    if event.source != _CLOSE or not isinstance(event.body, CaseEvent):
        return None
    return event.body


def _heard(event: Event) -> Heard | None:
    amended = _HEARD.get(event.type)
    if amended is None or not isinstance(event.body, Response):
        return None
    return Heard(event.body, amended)


def _remember(batch: _Batch, response: Response, case_id: str | None) -> None:
    known = batch.facts.responses.get(response.response_id)
    batch.facts.responses[response.response_id] = known or case_id
    batch.responses[response.response_id] = known or case_id


async def _write(connection: db.Connection, batch: _Batch, now: datetime) -> None:
    if batch.opened:
        await store.add_cases(connection, batch.opened)
    for alert in await store.add_deliveries(connection, batch.alerts, now):
        with logs.trace(alert.traceparent):
            batch.messages.append(alert_event("queued", alert, now))
    if batch.alerts:
        await notify(connection, "deliveries")
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
