"""What comes from the topics: cases that were opened, low scores that joined them, alerts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.close import record, store
from services.close.decide import transition
from services.close.model import Attach, Case, Changed, replayed
from services.close.policy import Policy
from shared import db
from shared.consume import Item
from shared.contracts.cases import Alert, CaseEvent
from shared.contracts.envelope import Event

ROUTE = "touchback/route"
OPENED = "touchback.case.opened.v1"
ATTACHED = "touchback.case.attached.v1"
DELIVERED = "touchback.alert.delivered.v1"


class Handlers:
    """Takes batches; `policy` is asked once per batch, since the catalog may change."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy

    async def handle(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Take everything of one batch, in the order of its records."""
        events = [item.value for item in items]
        await store.alerts_delivered(connection, _deliveries(events))
        told = [
            (event.type, event.body)
            for event in events
            if event.source == ROUTE
            and event.type in (OPENED, ATTACHED)
            and isinstance(event.body, CaseEvent)
        ]
        if told:
            await self._cases(connection, told, now)

    async def _cases(
        self, connection: db.Connection, told: Sequence[tuple[str, CaseEvent]], now: datetime
    ) -> None:
        ids = {body.case_id for _, body in told}
        cases = await store.lock(connection, ids)
        scores = await store.known_scores(connection, ids)
        new, changes = _follow(told, cases, scores, now)
        await record.opened(connection, new)
        await store.add_scores(connection, [(body.case_id, body.score) for _, body in told])
        await record.changed(connection, changes, self._policy(), now)


def _deliveries(events: Sequence[Event]) -> list[tuple[str, datetime]]:
    return [
        (event.body.case_id, event.body.at)
        for event in events
        if event.type == DELIVERED and isinstance(event.body, Alert)
    ]


def _follow(
    told: Sequence[tuple[str, CaseEvent]],
    cases: dict[str, Case],
    scores: set[tuple[str, str]],
    now: datetime,
) -> tuple[list[Case], list[Changed]]:
    """Apply what the router told, one after the other; later records see what earlier ones did."""
    new: list[Case] = []
    changes: list[Changed] = []
    for type, body in told:
        known = cases.get(body.case_id)
        score = (body.case_id, body.score.response_id)
        if known is None:
            # Every event carries the whole case: one we never heard of begins here.
            cases[body.case_id] = replayed(None, "opened", body)
            new.append(cases[body.case_id])
        elif type == ATTACHED and score not in scores:
            change = transition(known, Attach(body.score), now)
            if isinstance(change, Changed):
                cases[body.case_id] = change.case
                changes.append(change)
        scores.add(score)
    return new, changes
