"""What `close` keeps for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from shared.catalog.policy import Retention
from shared.retention import Rule

KEYS_KEPT = timedelta(days=7)
"""How long the same Idempotency-Key means the same request."""

CORRECTIONS_KEPT = timedelta(days=7)
"""How much later than a corrected answer the case may come that its first score opened."""


def rules(spans: Callable[[], Retention]) -> Sequence[Rule]:
    """Return what goes when: a case, once it has ended, with everything that happened to it."""
    return [
        Rule(
            "cases",
            "ended_at",
            lambda: spans().cases,
            key="case_id",
            along=("case_events", "case_scores", "case_breaches", "case_alerts", "case_causes"),
        ),
        Rule("recovery_answers", "at", lambda: spans().responses),
        Rule("scores", "received_at", lambda: spans().responses),
        Rule("corrections", "at", lambda: CORRECTIONS_KEPT),
        Rule("idempotency_keys", "at", lambda: KEYS_KEPT),
    ]
