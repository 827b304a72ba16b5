"""Every metric of `route`."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Histogram

from shared.catalog import Catalog, ChannelKind
from shared.metrics import PREFIX, TallyMetric

PRIORITIES = ("high", "normal", "low")
KINDS: tuple[str, ...] = get_args(ChannelKind)
_DAY = 86400.0
_BUCKETS = (1, 2, 5, 15, 60, 300, 900, 3600, 4 * 3600, _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY)


def tallies(catalog: Catalog) -> list[TallyMetric]:
    """Return the counters that stand in the database."""
    owners = tuple((team.team, priority) for team in catalog.teams for priority in PRIORITIES)
    kinds = tuple((kind,) for kind in KINDS)
    return [
        TallyMetric("cases_opened", "Cases opened by a low score.", ("team", "priority"), owners),
        TallyMetric(
            "cases_attached",
            "Further low scores that joined an open case.",
            ("team", "priority"),
            owners,
        ),
        TallyMetric("alert_attempts", "Attempts to deliver an alert.", ("channel",), kinds),
        TallyMetric("alerts_delivered", "Alerts that a channel accepted.", ("channel",), kinds),
        TallyMetric(
            "alert_failures", "Attempts that failed, by reason.", ("channel", "reason"), ()
        ),
        TallyMetric(
            "alerts_failed_over",
            "Alerts that went to this channel because none before it had accepted.",
            ("channel",),
            kinds,
        ),
        TallyMetric(
            "alerts_escalated",
            "Low scores of which no channel of the team heard: the fallback team was told.",
            ("team",),
            tuple((team.team,) for team in catalog.teams),
        ),
        TallyMetric(
            "rule_errors",
            "Low scores sent to the fallback team because a routing rule failed.",
            (),
            ((),),
        ),
    ]


def time_to_route(registry: CollectorRegistry, catalog: Catalog) -> Histogram:
    """Return the histogram of what the promise is about: score given to owner alerted."""
    histogram = Histogram(
        PREFIX + "case_time_to_route_seconds",
        "Time from the low score to the first channel that accepted its alert; completed only.",
        ("team", "priority"),
        buckets=_BUCKETS,
        registry=registry,
    )
    for team in catalog.teams:
        for priority in PRIORITIES:
            histogram.labels(team.team, priority)
    return histogram
