"""What counts as a signal besides the signals themselves: answers, and what becomes of cases."""

from __future__ import annotations

from services.ask.model import CASE_REOPENED, CASE_RESOLVED, RESPONSE
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.contracts.signals import Signal

_CASES = {
    "touchback.case.resolved.v1": CASE_RESOLVED,
    "touchback.case.reopened.v1": CASE_REOPENED,
}
DONE = frozenset({"closed", "closed_unconfirmed", "merged", "suppressed", "corrected"})
"""States after which nobody works on a case any more."""


def signal_of(event: Event) -> Signal | None:
    """Return what triggers hear of an event; None when they hear nothing."""
    match event.body:
        case Signal() as signal:
            return signal
        case Response() as response:
            return _answer(response)
        case CaseEvent() as case:
            name = _CASES.get(event.type)
            return _case(case, name) if name else None
        case _:
            return None


def _answer(response: Response) -> Signal | None:
    if response.score is None:
        return None
    return Signal(
        signal=RESPONSE,
        source="touchback/collect",
        source_event_id=response.response_id,
        customer_id=response.customer_id,
        occurred_at=response.received_at,
    )


def _case(case: CaseEvent, name: str) -> Signal:
    """Return a case as a signal: its id is the correlation, each version an event of its own."""
    about = {
        "touchpoint": case.touchpoint,
        "team": case.team,
        "priority": case.priority,
        "root_cause": case.root_cause,
        "case_id": case.case_id,
        "version": case.version,
        "agent": case.attribution.agent,
        "product": case.attribution.product,
    }
    given = {key: value for key, value in about.items() if value is not None}
    return Signal(
        signal=name,
        source="touchback/close",
        source_event_id=f"{case.case_id}/{case.version}",
        customer_id=case.customer_id,
        occurred_at=case.at,
        correlation=case.case_id,
        attributes={**case.attributes, **given},
    )
