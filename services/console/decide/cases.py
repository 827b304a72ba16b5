"""What a page says about a case: how urgent it is, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from services.console.model import OPEN, Moment, Standing, Step, running
from shared.contracts.cases import CaseEvent, CaseState

_ENDS: tuple[Step, ...] = ("merge", "correct", "suppress")
STEPS: Mapping[CaseState, tuple[Step, ...]] = {
    "new": ("acknowledge", "reassign", "note", *_ENDS),
    "assigned": ("acknowledge", "reassign", "note", *_ENDS),
    "acknowledged": ("contacted", "hand_back", "reassign", "note", *_ENDS),
    "contacted": ("resolve", "waiting", "contacted", "hand_back", "reassign", "note", *_ENDS),
    "waiting_customer": ("resolve", "contacted", "hand_back", "reassign", "note", *_ENDS),
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


def reopening(event: CaseEvent, moments: Iterable[Moment]) -> Moment | None:
    """Return what opened a case again that waits; `moments` are the newest first."""
    return next(
        (
            each
            for each in moments
            if event.state in OPEN
            and each.detail.get("case_id") == event.case_id
            and (
                each.title == "reopened"
                or each.detail.get("reason") == "low_score_after_resolution"
            )
        ),
        None,
    )


def steps(state: CaseState, *, others: bool = True) -> tuple[Step, ...]:
    """Return the forms to offer in this state; without `others` there is nothing to merge with."""
    offered = STEPS.get(state, ("note",))
    return tuple(step for step in offered if others or step != "merge")
