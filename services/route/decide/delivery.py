"""What an attempt means, and when a failed alert is tried again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.route import policy
from services.route.model import (
    Again,
    Exhausted,
    Failure,
    Kind,
    Refused,
)

_BY_STATUS: Mapping[int, Failure] = {
    401: "unauthorized",
    403: "unauthorized",
    404: "not_found",
    408: "timeout",
    410: "gone",
    425: "rate_limited",
    429: "rate_limited",
}


def judge_status(status: int) -> Failure | None:
    """Return what an HTTP status means for an alert; None when it was accepted."""
    if 200 <= status < 300:
        return None
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 300 <= status < 400:
        return "redirected"
    return "server_error" if status >= 500 else "client_error"


def judge_smtp(code: int) -> Failure:
    """Return what an SMTP refusal means: 5xx is for good, all else may pass."""
    return "smtp_permanent" if code >= 500 else "smtp_temporary"


def after_failure(
    kind: Kind, attempt: int, refused: Refused, chance: Callable[[], float]
) -> Again | Exhausted:
    """Say when the next attempt is; `attempt` counts from 1, `chance` gives 0 up to 1."""
    # A kind that only another release knows is told of like a system.
    schedule = policy.SCHEDULES.get(kind, policy.SYSTEMS)
    if refused.failure not in policy.RETRIED:
        return Exhausted(permanent=True)
    if attempt >= len(schedule):
        return Exhausted(permanent=False)
    base = schedule[attempt]
    following = schedule[attempt + 1] if attempt + 1 < len(schedule) else base * 2
    if refused.retry_after is not None:
        # Honoured up to the next slot, or for some minutes where slots are close together: by then
        # others have been told, and a receiver that asks for days would get its alert too late.
        longest = max(following, policy.LONGEST_ASKED)
        return Again(max(base, min(refused.retry_after, longest)))
    return Again(base * (1 + policy.JITTER * (2 * chance() - 1)))
