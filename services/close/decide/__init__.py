"""The heart: what actions, answers and time make of a case, or why they may not."""

from __future__ import annotations

from services.close.decide.actions import POSSIBLE, name_of, transition
from services.close.decide.clocks import arithmetic
from services.close.decide.erased import forgotten
from services.close.decide.time_passed import escalated, next_at, soon_at, tick

__all__ = [
    "POSSIBLE",
    "arithmetic",
    "escalated",
    "forgotten",
    "name_of",
    "next_at",
    "soon_at",
    "tick",
    "transition",
]
