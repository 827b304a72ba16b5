"""Cases to try things on."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.close.model import Case
from shared.contracts.cases import CaseEvent, CaseScore, Deadline
from tests.support.clock import START

TARGETS = {
    "acknowledge": timedelta(minutes=15),
    "contact": timedelta(hours=4),
    "resolve": timedelta(days=2),
}


def a_score(response_id: str = "r1", received_at: datetime = START, score: int = 2) -> CaseScore:
    """A low score."""
    return CaseScore(
        response_id=response_id,
        metric="nps",
        survey="nps",
        score=score,
        band="low",
        comment="Charged twice.",
        channel="email",
        received_at=received_at,
    )


def an_event(case_id: str = "c1", customer_id: str = "u1", **changes: object) -> CaseEvent:
    """A case as the router opens it."""
    score = a_score(f"r-{case_id}")
    event = CaseEvent(
        case_id=case_id,
        version=1,
        at=START,
        actor="route",
        reason="low_score",
        state="assigned",
        customer_id=customer_id,
        touchpoint="first-bill",
        team="billing-care",
        priority="high",
        opened_at=START,
        score=score,
        deadlines=tuple(
            Deadline.model_validate(
                {
                    "clock": clock,
                    "due_at": START + target,
                    "target_seconds": target.total_seconds(),
                }
            )
            for clock, target in TARGETS.items()
        ),
        catalog_version="abc",
    )
    return event.model_copy(update=changes)


def a_case(**changes: object) -> Case:
    """The same as the service keeps it."""
    event = an_event(**changes)  # type: ignore[arg-type]  # fields of CaseEvent, by name
    return Case(event, event.score.received_at)
