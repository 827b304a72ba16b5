"""How far moments come: which step on the way to a content customer an event is."""

from __future__ import annotations

from typing import Literal, get_args

from shared.contracts.asks import Decision, Invitation
from shared.contracts.base import Message
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response

Step = Literal[
    "eligible",
    "invited",
    "delivered",
    "started",
    "answered",
    "low",
    "case",
    "contacted",
    "resolved",
    "confirmed",
    "unconfirmed",
]
STEPS: tuple[Step, ...] = get_args(Step)

_INVITATIONS: dict[str, Step] = {"scheduled": "invited", "sent": "delivered"}
_RESPONSES: dict[str, Step] = {"started": "started", "received": "answered"}


def step(event: Event) -> Step | None:
    """Return which step this is; None for what leads no further, or was counted before."""
    return _step(event.body, event.type.split(".")[2])


def _step(body: Message, happened: str) -> Step | None:
    match body:
        case Decision():
            return None if body.silence == "not_eligible" else "eligible"
        case Invitation():
            return _INVITATIONS.get(happened)
        case Response(origin="import"):  # of long ago
            return None
        case Response():
            low = happened == "completed" and body.band == "low"
            return "low" if low else _RESPONSES.get(happened)
        case CaseEvent():
            return _of_case(body, happened)
        case _:
            return None


def _of_case(event: CaseEvent, happened: str) -> Step | None:
    match happened, event.state:
        case "opened", _:
            return "case"
        case "closed", "closed":
            return "confirmed"
        case "closed", _:
            return "unconfirmed"
    if any(each.cycle > 1 for each in event.deadlines):  # it came so far before
        return None
    if happened == "contacted" and event.previous == "acknowledged":
        return "contacted"
    return "resolved" if happened == "resolved" else None
