"""When failed alerts are tried again, and which failures are for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from services.route.model import Delivery, Failure, Kind
from shared.catalog import PEOPLE as PEOPLES_KINDS
from shared.contracts.cases import CaseState

_SOON = tuple(timedelta(seconds=s) for s in (0, 5, 30, 120, 300))
_LATER = timedelta(minutes=15)
_REPEATS = (timedelta(days=1) - sum(_SOON, timedelta(0))) // _LATER
PEOPLE = (*_SOON, *(_LATER,) * _REPEATS)
SYSTEMS = tuple(timedelta(seconds=s) for s in (0, 5, 300, 1800, 7200, 18000, 36000, 50400))
SCHEDULES: Mapping[Kind, tuple[timedelta, ...]] = {
    "email": PEOPLE,
    "slack": PEOPLE,
    "teams": PEOPLE,
    "apprise": PEOPLE,
    "webhook": SYSTEMS,
    "pagerduty": SYSTEMS,
    "alertmanager": SYSTEMS,
}
"""The wait before each attempt, counted from the one before: people soon, then
for a day; systems into the second day."""

JITTER = 0.2
LONGEST_ASKED = timedelta(minutes=10)
"""So long a receiver may ask us to wait, whatever the schedule says."""
RETRIED: frozenset[Failure] = frozenset(
    {
        "timeout",
        "network",
        "rate_limited",
        "server_error",
        "answer_lost",
        "smtp_temporary",
        # What the catalog or the settings lack for now: an operator can put that right meanwhile.
        "no_channel",
        "no_secret",
        "not_installed",
    }
)

DONE: frozenset[CaseState] = frozenset({"resolved"})
"""Still open, but nobody works on it: a low score that joins such a case is news to its team."""

COMMENT_IN_RULES = 2000
"""Characters of a comment that rules see. It does not count against the bytes that their inputs may
have: who talks much, in whatever script, has an owner too."""

COMMENT_FOR_KEYWORDS = 20_000
COMMENT_IN_ALERT = 300
SUBJECT_IN_ALERT = 150
RULES_IN_ALERT = 200

LATELY = timedelta(days=90)
"""How far back a customer's earlier low scores make the next one a further one."""
COMMENT_IN_DIGEST = 120

FAIL_OVER = timedelta(minutes=2)
"""After this long without being accepted an alert goes to the next of the people's channels."""

BROKEN: Mapping[Failure, Literal["broken", "disabled"]] = {
    "unauthorized": "broken",
    "not_found": "broken",
    "gone": "disabled",
}
"""Failures that say something about the endpoint rather than about one alert."""

STORM = 5
STORM_SPAN = timedelta(minutes=10)
GATHER = timedelta(seconds=30)
"""More alerts than this within the span become a digest, which waits so long for company."""

ITEMS = 20
URGENCY: Mapping[str, int] = {"high": 0, "normal": 1, "low": 2}


def outranks(one: str, other: str) -> bool:
    """Say whether one priority is more urgent than another."""
    return URGENCY.get(one, 1) < URGENCY.get(other, 1)


GATHERED: frozenset[str] = frozenset(
    {
        "case.opened",
        "case.reopened",
        "case.raised",
        "case.warned",
        "score.high",
        "score.low",
        "signal.noticed",
        "feedback.received",
    }
)
NEVER_SILENT: frozenset[str] = frozenset(
    {"channel.failing", "channel.test", "case.changed", "team.summary"}
)
OF_ITS_CHANNEL: frozenset[str] = frozenset(
    {"alerts.digest", "channel.test", "case.changed", "team.summary"}
)
"""What concerns one channel: no other one could stand in for it."""


def reported(alert: Delivery) -> bool:
    """Say whether the topic hears what becomes of it: that is for what owners of cases are told."""
    return alert.owed and bool(alert.case_id)


def takes_turns(alert: Delivery) -> bool:
    """Say whether the next of the people's channels is told only if this one does not accept it."""
    return alert.kind in PEOPLES_KINDS and alert.notice["type"] not in OF_ITS_CHANNEL


REFRESH = timedelta(hours=1)
REFRESHED = "case.refreshed"
"""Alertmanager keeps alerts in memory and lets them end: those of open cases are told again."""

KEPT_CURRENT: frozenset[Kind] = frozenset({"slack", "pagerduty", "alertmanager"})
"""Kinds whose messages are changed when the case goes on."""

ENDED: frozenset[CaseState] = frozenset(
    {"resolved", "closed", "closed_unconfirmed", "merged", "suppressed", "corrected"}
)
