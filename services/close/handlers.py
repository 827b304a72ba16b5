"""What comes from the topics: cases that were opened, scores that joined them, alerts, answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.close import corrections, record, store
from services.close.corrections import Correction, Corrections
from services.close.decide import escalated, transition
from services.close.model import Action, Answered, Attach, Case, Changed, Raised, Rescored, replayed
from services.close.policy import Policy
from shared import db
from shared.consume import Item
from shared.contracts.cases import Alert, CaseEvent, CaseScore
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.tallies import Tally

ROUTE = "touchback/route"
OPENED = "touchback.case.opened.v1"
ATTACHED = "touchback.case.attached.v1"
DELIVERED = "touchback.alert.delivered.v1"
COMPLETED = "touchback.response.completed.v1"
AMENDED = "touchback.response.amended.v1"


@dataclass(slots=True)
class _Batch:
    """What one batch makes of cases; later records see what earlier ones did."""

    cases: dict[str, Case]
    scores: set[tuple[str, str]]
    owners: dict[str, str]
    new: dict[str, Case] = field(default_factory=dict)
    joined: list[tuple[str, CaseScore]] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)
    answers: list[store.RecoveryAnswer] = field(default_factory=list)

    def act(self, case: Case, action: Action, now: datetime) -> Changed | None:
        """Do it, when it is possible."""
        change = transition(case, action, now)
        if not isinstance(change, Changed):
            return None
        self.take(change)
        return change

    def take(self, change: Changed) -> None:
        self.cases[change.case.id] = change.case
        self.changes.append(change)


class Handlers:
    """Takes batches; `policy` is asked once per batch, since the catalog may change."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy

    async def handle(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Take everything of one batch: the scores after the cases that they may belong to."""
        events = [item.value for item in items]
        delivered = _deliveries(events)
        scored = [response for event in events if (response := _scored(event)) is not None]
        opened = [body for event in events if (body := _opened(event)) is not None]
        await store.alerts_delivered(connection, delivered)
        await store.put_scores(connection, scored)
        joined = {body.score.response_id: body.customer_id for body in opened}
        known = await corrections.hold(connection, _corrections(events), joined, now)
        owners = await store.cases_of(connection, [each.response_id for each in scored])
        ids = {
            *(case_id for case_id, _ in delivered),
            *(body.case_id for body in opened),
            *owners.values(),
            *(each.correlation for each in scored if each.correlation),
        }
        cases = await record.held(connection, ids) if ids else {}
        if cases or opened:
            batch = _Batch(cases, await store.known_scores(connection, cases), owners)
            self._take(batch, events, known, now)
            await self._write(connection, batch, now)
        await corrections.keep(connection, known, owners)

    def _take(
        self, batch: _Batch, events: Sequence[Event], known: Corrections, now: datetime
    ) -> None:
        for event in events:
            body = _opened(event)
            if body is not None:
                _follow(batch, event.type, body, now)
        for event in events:
            response = _scored(event)
            if response is not None:
                self._answered(batch, response, now)
        for correction in known.values():
            _rescored(batch, correction, now)

    def _answered(self, batch: _Batch, response: Response, now: datetime) -> None:
        """Take an answer to whether a case was put right: it names the case as its correlation."""
        case = batch.cases.get(response.correlation or "")
        if response.origin == "import":  # of long ago: it moves nothing now
            return
        if case is None or case.event.customer_id != response.customer_id or not response.band:
            return
        batch.answers.append(_recovery(case, response))
        answer = Answered(response.response_id, response.band, response.comment)
        change = batch.act(case, answer, now)
        if change is not None and change.escalate:
            at_work = self._policy().at_work
            batch.take(escalated(change.case, "customer_disagrees", now, at_work))

    async def _write(self, connection: db.Connection, batch: _Batch, now: datetime) -> None:
        await record.opened(connection, list(batch.new.values()), now)
        await store.add_scores(connection, batch.joined)
        tally = Tally()
        for answer in batch.answers:
            if await store.add_recovery(connection, answer):
                tally.add("recovery_answers", answer.band)
        await tally.write(connection)
        await record.changed(connection, batch.changes, self._policy(), now)
        await _routed(connection, batch, now)


async def _routed(connection: db.Connection, batch: _Batch, now: datetime) -> None:
    """Count the route clocks that are decided; a new case's alert may have come before it."""
    if batch.new:
        batch.cases.update(await store.lock(connection, batch.new))
    before = {case.id for case in batch.cases.values() if case.route_decided}
    decided = await record.routed(connection, batch.cases, now)
    again = [case for case in decided.values() if case.route_decided and case.id not in before]
    await record.wake(connection, again, now)


def _opened(event: Event) -> CaseEvent | None:
    ours = event.source == ROUTE and event.type in (OPENED, ATTACHED)
    return event.body if ours and isinstance(event.body, CaseEvent) else None


def _scored(event: Event) -> Response | None:
    if event.type not in (COMPLETED, AMENDED) or not isinstance(event.body, Response):
        return None
    return event.body if event.body.band is not None else None


def _corrections(events: Sequence[Event]) -> list[Correction]:
    """Return what customers changed. What was completed is what the router opened cases for."""
    amended = [r for event in events if event.type == AMENDED and (r := _scored(event)) is not None]
    return [found for each in amended if (found := corrections.corrected(each)) is not None]


def _deliveries(events: Sequence[Event]) -> list[tuple[str, datetime]]:
    return [
        (event.body.case_id, event.body.at)
        for event in events
        if event.type == DELIVERED and isinstance(event.body, Alert)
    ]


def _follow(batch: _Batch, type: str, body: CaseEvent, now: datetime) -> None:
    """Apply what the router told."""
    known = batch.cases.get(body.case_id)
    score = (body.case_id, body.score.response_id)
    if known is None:
        # Every event carries the whole case: one we never heard of begins here.
        batch.new[body.case_id] = batch.cases[body.case_id] = replayed(None, "opened", body)
    elif type == ATTACHED and score not in batch.scores:
        batch.act(known, Attach(body.score, raised=_raised(body)), now)
    batch.scores.add(score)
    batch.owners.setdefault(body.score.response_id, body.case_id)
    batch.joined.append((body.case_id, body.score))


def _raised(body: CaseEvent) -> Raised | None:
    if body.raised_from is None:
        return None
    return Raised(body.raised_from, body.priority, body.deadlines, body.routing_path)


def _rescored(batch: _Batch, correction: Correction, now: datetime) -> None:
    """The customer changed a score that opened or joined a case: the case follows."""
    case = batch.cases.get(batch.owners.get(correction.response_id, ""))
    if case is None or case.event.score.response_id != correction.response_id:
        return
    others = sum(1 for case_id, _ in batch.scores if case_id == case.id) > 1
    batch.act(case, Rescored(correction.of(case.event.score), others), now)


def _recovery(case: Case, response: Response) -> store.RecoveryAnswer:
    return store.RecoveryAnswer(
        response.response_id,
        case.id,
        case.cycle,
        case.event.team,
        case.event.root_cause,
        str(response.band),
        response.received_at,
    )
