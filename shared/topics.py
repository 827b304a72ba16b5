"""Names of Touchback's own topics, and how each is kept."""

from __future__ import annotations

from dataclasses import dataclass

SIGNALS = "touchback.signals"
ANSWERS = "touchback.answers"
PROFILES = "touchback.profiles"
DECISIONS = "touchback.decisions"
INVITATIONS = "touchback.invitations"
RESPONSES = "touchback.responses"
CASES = "touchback.cases"
ALERTS = "touchback.alerts"
DEAD_LETTERS = "touchback.dead-letters"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and whether only the newest record per key is kept."""

    name: str
    compacted: bool = False


ALL: tuple[Topic, ...] = (
    Topic(SIGNALS),
    Topic(ANSWERS),
    Topic(PROFILES, compacted=True),
    Topic(DECISIONS),
    Topic(INVITATIONS),
    Topic(RESPONSES),
    Topic(CASES),
    Topic(ALERTS),
    Topic(DEAD_LETTERS),
)


def group(service: str) -> str:
    """Return the consumer group of a service."""
    return f"touchback.{service}"
