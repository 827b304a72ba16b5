"""What a page says about a case: how urgent it is, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.console.model import Standing, Step, running
from shared.contracts.cases import CaseEvent, CaseState

STEPS: Mapping[CaseState, tuple[Step, ...]] = {
    "new": ("acknowledge", "note"),
    "assigned": ("acknowledge", "note"),
    "acknowledged": ("contacted", "reassign", "note"),
    "contacted": ("resolve", "waiting", "contacted", "reassign", "note"),
    "waiting_customer": ("resolve", "contacted", "reassign", "note"),
    "resolved": ("reopen", "note"),
    "closed": ("reopen", "note"),
    "closed_unconfirmed": ("reopen", "note"),
}
"""Which forms to offer, the likeliest first. Whether a step is possible, only `close` decides."""


def standing(event: CaseEvent, now: datetime) -> Standing | None:
    """Return the clock that runs out next, or ran out first; None when no clock runs."""
    nearest = min(running(event), key=lambda deadline: deadline.due_at, default=None)
    if nearest is None:
        return None
    return Standing(nearest.clock, nearest.due_at, nearest.due_at - now)


def steps(state: CaseState) -> tuple[Step, ...]:
    """Return the forms to offer in this state."""
    return STEPS.get(state, ("note",))
