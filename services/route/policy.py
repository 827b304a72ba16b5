"""When failed alerts are tried again, and which failures are for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from services.route.model import Failure, Kind

PEOPLE = tuple(timedelta(seconds=s) for s in (0, 5, 30, 120, 300))
SYSTEMS = tuple(timedelta(seconds=s) for s in (0, 5, 300, 1800, 7200, 18000, 36000, 50400))
SCHEDULES: Mapping[Kind, tuple[timedelta, ...]] = {"email": PEOPLE, "webhook": SYSTEMS}
"""The wait before each attempt, counted from the one before: people soon, systems for days."""

JITTER = 0.2
RETRIED: frozenset[Failure] = frozenset(
    {"timeout", "network", "rate_limited", "server_error", "smtp_temporary"}
)

COMMENT_IN_RULES = 2000
"""Longer comments are cut for rules, whose inputs are bounded: who talks much has an owner too."""

COMMENT_IN_ALERT = 300
