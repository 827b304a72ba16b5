"""What `collect` keeps for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shared.catalog.policy import Retention
from shared.retention import Rule


def rules(spans: Callable[[], Retention]) -> Sequence[Rule]:
    """Return what goes when; what is known of its case goes as early as an answer."""
    return [
        Rule("responses", "received_at", lambda: spans().responses),
        Rule("cases", "received_at", lambda: spans().responses),
        # Who holds the link of an answer may see and delete their words as long as these are kept.
        Rule(
            "invitations",
            "at",
            lambda: spans().invitations,
            "not exists (select from responses"
            " where responses.invitation_id = invitations.invitation_id)",
        ),
        Rule("traces", "at", lambda: spans().invitations),
        Rule("opt_outs", "at", lambda: spans().invitations),
        Rule("feedback", "received_at", lambda: spans().responses),
        Rule("subjects", "at", lambda: spans().decisions),
        Rule("moments", "day", lambda: spans().decisions),
    ]
