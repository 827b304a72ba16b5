"""What `route` keeps for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from shared.catalog.policy import Retention
from shared.retention import Rule

KEYS_KEPT = timedelta(days=7)
"""How long the same Idempotency-Key means the same request."""


def rules(spans: Callable[[], Retention]) -> Sequence[Rule]:
    """Return what goes when: a case once it has ended, an alert once nobody waits for it."""
    return [
        Rule("cases", "ended_at", lambda: spans().cases),
        Rule("responses", "completed_at", lambda: spans().responses),
        Rule(
            "deliveries",
            "created_at",
            lambda: spans().alerts,
            "state not in ('due', 'gathered', 'silenced')",
        ),
        Rule("silences", "ends_at", lambda: spans().alerts),
        Rule("idempotency_keys", "at", lambda: KEYS_KEPT),
    ]
