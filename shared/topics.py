"""Names of Touchback's own topics, and how each is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SIGNALS = "touchback.signals"
ANSWERS = "touchback.answers"
PROFILES = "touchback.profiles"
DECISIONS = "touchback.decisions"
INVITATIONS = "touchback.invitations"
RESPONSES = "touchback.responses"
CASES = "touchback.cases"
ALERTS = "touchback.alerts"
DEAD_LETTERS = "touchback.dead-letters"


LARGEST_LETTER = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and how the broker keeps it."""

    name: str
    configs: Mapping[str, str] = field(default_factory=dict)


ALL: tuple[Topic, ...] = (
    Topic(SIGNALS),
    Topic(ANSWERS),
    # Compaction waits as long as other topics keep records: every service hears of an erasure.
    # What is left then is a customer's last update and no whole card: those stand with `ask` alone.
    Topic(PROFILES, {"cleanup.policy": "compact", "min.compaction.lag.ms": str(7 * 86_400_000)}),
    Topic(DECISIONS),
    Topic(INVITATIONS),
    Topic(RESPONSES),
    Topic(CASES),
    Topic(ALERTS),
    # A record of the largest usual size, and the reason beside it.
    Topic(DEAD_LETTERS, {"max.message.bytes": str(LARGEST_LETTER)}),
)


def group(service: str) -> str:
    """Return the consumer group of a service."""
    return f"touchback.{service}"
