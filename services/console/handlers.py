"""What comes from the topics, made into what the pages show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from services.console import store
from services.console.funnel import Step, step
from services.console.model import Kind, Moment
from shared import db, wake
from shared.consume import Item
from shared.contracts.asks import Decision, Invitation
from shared.contracts.base import Message
from shared.contracts.cases import Alert, CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Feedback, Response

_SENT, _FAILED = "touchback.invitation.sent.v1", "touchback.invitation.failed.v1"
_KINDS: Mapping[type[Message], Kind] = {
    Decision: "decision",
    Invitation: "invitation",
    Response: "response",
    Feedback: "feedback",
    CaseEvent: "case",
    Alert: "alert",
}
_SHOWN: Mapping[Kind, tuple[str, ...]] = {
    "decision": ("touchpoint", "signal", "silence"),
    "invitation": ("touchpoint", "channel", "failure"),
    "response": ("response_id", "touchpoint", "metric", "score", "comment", "channel"),
    "feedback": ("text", "channel"),
    "case": (
        "case_id",
        "version",
        "touchpoint",
        "state",
        "actor",
        "reason",
        "team",
        "assignee",
        "escalated_to",
        "contact_how",
        "contact_outcome",
        "note",
    ),
    "alert": ("case_id", "touchpoint", "team", "channel", "kind", "attempt", "failure"),
}


async def handle(connection: db.Connection, items: Sequence[Item[Event]], now: datetime) -> None:
    """Take a batch; open pages are told once, when it is committed."""
    events = [item.value for item in items if not _told_twice(item.value)]
    cases = [event.body for event in events if isinstance(event.body, CaseEvent)]
    await store.write_cases(connection, cases)
    await store.add_lines(connection, [line for event in events if (line := _line(event))])
    await store.count_steps(connection, _steps(events))
    await store.put_scores(
        connection, [event.body for event in events if isinstance(event.body, Response)]
    )
    await _put_asks(connection, events)
    if cases:
        await wake.notify(connection, store.CHANGED)


async def _put_asks(connection: db.Connection, events: Sequence[Event]) -> None:
    last = {
        event.body.invitation_id: (event.type, event.body)
        for event in events
        if isinstance(event.body, Invitation) and event.type in (_SENT, _FAILED)
    }
    sent = [body for type, body in last.values() if type == _SENT]
    failed = [name for name, (type, _) in last.items() if type == _FAILED]
    await store.put_asks(connection, sent, failed)


def _told_twice(event: Event) -> bool:
    # `close` repeats a joining score with the version that counts.
    return event.source == "touchback/route" and event.type == "touchback.case.attached.v1"


def _steps(events: Sequence[Event]) -> Counter[tuple[date, str, Step]]:
    return Counter(
        (event.time.astimezone(UTC).date(), str(getattr(event.body, "touchpoint", "")), taken)
        for event in events
        if (taken := step(event)) is not None
    )


def _line(event: Event) -> store.Line | None:
    kind = _KINDS.get(type(event.body))
    if kind is None:
        return None
    moment = Moment(event.time, kind, _title(event), _detail(kind, event.body))
    return store.Line(event.source, event.id, event.subject, moment)


def _title(event: Event) -> str:
    if isinstance(event.body, Decision):
        return event.body.outcome
    return event.type.split(".")[2]


def _detail(kind: Kind, body: Message) -> dict[str, Any]:
    found = body.model_dump(mode="json", exclude_none=True)
    return {name: found[name] for name in _SHOWN[kind] if name in found}
