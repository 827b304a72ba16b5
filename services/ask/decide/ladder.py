"""How far a customer has come, by the rules of the policy: from prospect to advocate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.ask.model import Broken, Contact, Rung
from shared.catalog.fields import LADDER_RULES
from shared.catalog.policy import Ladder
from shared.contracts.base import Band
from shared.rules import RuleFailed

STEPS: Sequence[Rung] = ("advocate", "loyal", "satisfied", "customer")
"""From the highest down; who stands on none of them is a prospect."""


@dataclass(frozen=True, slots=True)
class Course:
    """The answers of a customer within the ladder's span, oldest first, and how much was heard."""

    bands: Sequence[Band] = ()
    signals: int = 0


def climb(contact: Contact, course: Course, ladder: Ladder) -> Rung | Broken:
    """Return the highest rung whose rule holds."""
    bands = course.bands
    counts = {band: bands.count(band) for band in ("low", "mid", "high")}
    answers = {**counts, "total": len(bands), "last": bands[-1] if bands else ""}
    try:
        inputs = LADDER_RULES.bind(
            {
                "profile": contact.profile(),
                "answers": answers,
                "signals": {"total": course.signals},
            }
        )
        return next((step for step in STEPS if getattr(ladder, step).holds(inputs)), "prospect")
    except RuleFailed as error:
        return Broken(error.reason)
