"""When failed alerts are tried again, and which failures are for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from services.route.model import Failure, Kind
from shared.contracts.cases import CaseState

_SOON = tuple(timedelta(seconds=s) for s in (0, 5, 30, 120, 300))
_LATER = timedelta(minutes=15)
_REPEATS = (timedelta(days=1) - sum(_SOON, timedelta(0))) // _LATER
PEOPLE = (*_SOON, *(_LATER,) * _REPEATS)
SYSTEMS = tuple(timedelta(seconds=s) for s in (0, 5, 300, 1800, 7200, 18000, 36000, 50400))
SCHEDULES: Mapping[Kind, tuple[timedelta, ...]] = {"email": PEOPLE, "webhook": SYSTEMS}
"""The wait before each attempt, counted from the one before: people soon, then
for a day; systems into the second day."""

JITTER = 0.2
RETRIED: frozenset[Failure] = frozenset(
    {
        "timeout",
        "network",
        "rate_limited",
        "server_error",
        "smtp_temporary",
        # What the catalog or the settings lack for now: an operator can put that right meanwhile.
        "no_channel",
        "no_secret",
    }
)

DONE: frozenset[CaseState] = frozenset({"resolved"})
"""Still open, but nobody works on it: a low score that joins such a case is news to its team."""

COMMENT_IN_RULES = 2000
"""Characters of a comment that rules see. It does not count against the bytes that their inputs may
have: who talks much, in whatever script, has an owner too."""

COMMENT_IN_ALERT = 300
