"""The heart: who owns a low score, what becomes of it, whom it is told to, when, how often."""

from __future__ import annotations

from services.route.decide.alerts import (
    alerts,
    alerts_again,
    came_back,
    changed,
    escalation,
    handed_on,
    raised,
    refreshed,
    shortened,
    updatable,
    warned,
)
from services.route.decide.cases import deadlines, decide, effort, known_case, unasked
from services.route.decide.delivery import after_failure, judge_smtp, judge_status
from services.route.decide.health import Refusal, Standing, standings
from services.route.decide.plan import digest, plan
from services.route.decide.routing import Coverage, assign, coverage
from services.route.decide.summary import SPANS, Kept, slot, summary, summary_id
from services.route.decide.tidings import (
    channel_of,
    failing,
    praise,
    signalled,
    target,
    told,
    trial,
    unlinked,
)

__all__ = [
    "SPANS",
    "Coverage",
    "Kept",
    "Refusal",
    "Standing",
    "after_failure",
    "alerts",
    "alerts_again",
    "assign",
    "came_back",
    "changed",
    "channel_of",
    "coverage",
    "deadlines",
    "decide",
    "digest",
    "effort",
    "escalation",
    "failing",
    "handed_on",
    "judge_smtp",
    "judge_status",
    "known_case",
    "plan",
    "praise",
    "raised",
    "refreshed",
    "shortened",
    "signalled",
    "slot",
    "standings",
    "summary",
    "summary_id",
    "target",
    "told",
    "trial",
    "unasked",
    "unlinked",
    "updatable",
    "warned",
]
