"""Facts for tests of `collect`, on the example catalog."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from services.collect import decide
from services.collect.app import policy_of
from services.collect.model import (
    Change,
    Invitation,
    InvitationId,
    Rating,
    ResponseId,
    Submission,
)
from shared.catalog.loader import load_files
from shared.catalog.reading import read_files
from shared.contracts.base import Attribution
from tests.support.clock import START

CATALOG = Path(__file__).parents[3] / "deploy" / "catalog"
MORE = Path(__file__).parents[2] / "catalogs" / "more-surveys"
FILES = read_files(CATALOG) | {f"surveys/{file.name}": file.read_bytes() for file in MORE.iterdir()}
"""The example catalog and a survey of each metric that it leaves out."""
POLICY = policy_of(load_files(FILES))
NPS = POLICY.surveys["support-nps"]
EFFORT = POLICY.surveys["bill-effort"]
EXPERIENCE = POLICY.surveys["moving-in"]


def an_invitation(**changes: Any) -> Invitation:
    """A sent mail, open for two weeks."""
    facts: dict[str, Any] = {
        "invitation_id": InvitationId("i-1"),
        "state": "sent",
        "touchpoint": "support-closed",
        "survey": "support-nps",
        "customer_id": "c-1",
        "channel": "email",
        "language": None,
        "occurred_at": START - timedelta(hours=1),
        "expires_at": START + timedelta(days=14),
        "at": START,
        "correlation": "ticket-7",
        "attribution": Attribution(team="support-leads", stage="service"),
    }
    return Invitation(**{**facts, **changes})


def a_score(score: int = 3, **changes: Any) -> Change:
    """The first score on an invitation."""
    return decide.first_score(an_invitation(**changes), NPS, Rating(score), "en", START)


def a_submission(**changes: Any) -> Submission:
    """An answer from another tool."""
    facts: dict[str, Any] = {
        "response_id": ResponseId("r-1"),
        "touchpoint": "support-closed",
        "customer_id": "c-1",
        "score": 3,
        "channel": "survey-tool",
        "origin": "topic",
    }
    return Submission(**{**facts, **changes})
