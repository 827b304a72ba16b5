"""What `console` keeps for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from services.console.model import Kind
from shared.catalog.policy import Retention
from shared.retention import Rule

_SPANS: Mapping[Kind, Callable[[Retention], timedelta]] = {
    "decision": lambda spans: spans.decisions,
    "invitation": lambda spans: spans.invitations,
    "response": lambda spans: spans.responses,
    "feedback": lambda spans: spans.responses,
    "case": lambda spans: spans.cases,
    "alert": lambda spans: spans.alerts,
}


def rules(spans: Callable[[], Retention]) -> Sequence[Rule]:
    """Return what goes when: a line as early as what it tells of, and a case once it has ended."""
    return [
        *(_lines(kind, of, spans) for kind, of in _SPANS.items()),
        Rule("cases", "ended_at", lambda: spans().cases, key="case_id", along=("clocks",)),
        Rule("funnel", "day", lambda: spans().decisions),
        Rule("scores", "received_at", lambda: spans().responses),
        Rule("asks", "sent_at", lambda: spans().invitations),
    ]


def _lines(
    kind: Kind, of: Callable[[Retention], timedelta], spans: Callable[[], Retention]
) -> Rule:
    return Rule("timeline", "at", lambda: of(spans()), f"kind = '{kind}'")
