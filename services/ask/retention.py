"""What `ask` keeps for how long: at least as long as a rule still looks at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from services.ask.contacts import KEYS_KEPT
from services.ask.policy import book
from shared.catalog.catalog import Catalog
from shared.retention import Rule


def rules(catalog: Callable[[], Catalog]) -> Sequence[Rule]:
    """Return what goes when. Wishes to be left alone and cards have no end."""
    return [
        Rule("signals", "heard_at", lambda: signals_kept(catalog())),
        Rule("spends", "at", lambda: _contacts(catalog())),
        Rule(
            "invitations",
            "useful_until",
            lambda: _contacts(catalog()),
            "state not in ('planned', 'sending')"
            " and coalesce(reminder, '') not in ('planned', 'sending')",
            key="invitation_id",
            along=("deliveries",),
        ),
        Rule(
            "decisions",
            "decided_at",
            lambda: catalog().policy.retention.decisions,
            "not exists (select from invitations"
            " where invitations.decision_id = decisions.decision_id)",
        ),
        Rule("answers", "answered_at", lambda: _answers(catalog())),
        Rule("bands", "at", lambda: _answers(catalog())),
        Rule("idempotency_keys", "at", lambda: KEYS_KEPT),
    ]


def signals_kept(catalog: Catalog) -> timedelta:
    """Return for how long a signal that comes again is known to be the same."""
    plans = book(catalog)
    spans = [plan.lag + plan.useful_for for plan in plans.plans.values()]
    return max((catalog.policy.retention.signals, plans.looks_back, *spans))


def _contacts(catalog: Catalog) -> timedelta:
    caps = catalog.policy.caps
    of_touchpoints = (plan.cap for plan in book(catalog).plans.values() if plan.cap)
    return max(catalog.policy.retention.invitations, caps.floor, caps.person, *of_touchpoints)


def _answers(catalog: Catalog) -> timedelta:
    policy = catalog.policy
    return max(policy.retention.responses, policy.caps.answered, policy.ladder.within)
