"""Every metric of `route`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.samples import Exemplar

from services.route import policy
from services.route.decide import Standing
from services.route.model import Delivery, Failure
from shared import db
from shared import tallies as tallies_of
from shared.catalog import Catalog, ChannelKind, targets
from shared.labels import Labels
from shared.metrics import PREFIX, TallyMetric
from shared.tallies import Tally
from shared.times import Example, Times, bucket

UNROUTABLE = ("no_rule_matched", "rule_error")
PRIORITIES = ("high", "normal", "low")
KINDS: tuple[str, ...] = get_args(ChannelKind)
OWNER = ("team", "priority")


def owners(catalog: Catalog) -> tuple[Labels, ...]:
    """Return every team and priority."""
    return tuple((team.team, priority) for team in catalog.teams for priority in PRIORITIES)


def tallies(catalog: Catalog) -> list[TallyMetric]:
    """Return the counters that stand in the database."""
    zeros = owners(catalog)
    kinds = tuple((kind,) for kind in KINDS)
    failures = tuple(product(KINDS, get_args(Failure)))
    return [
        TallyMetric("cases_opened", "Cases opened by a low score.", OWNER, zeros),
        TallyMetric(
            "cases_attached",
            "Further low scores that joined an open case.",
            OWNER,
            zeros,
        ),
        TallyMetric(
            "cases_unroutable",
            "Low scores that the fallback team owns, because no rule matched or one was broken.",
            ("reason",),
            tuple((reason,) for reason in UNROUTABLE),
        ),
        TallyMetric("alert_attempts", "Attempts to deliver an alert.", ("channel",), kinds),
        TallyMetric("alerts_delivered", "Alerts that a channel accepted.", ("channel",), kinds),
        TallyMetric(
            "alert_failures", "Attempts that failed, by reason.", ("channel", "reason"), failures
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
            "Answers told to the fallback team, or to more than need be, because a rule failed.",
            (),
            ((),),
        ),
    ]


def refusing(standings: Sequence[Standing]) -> GaugeMetricFamily:
    """Return how many channels of each kind refuse us: one among many is seen by nothing else."""
    family = GaugeMetricFamily(
        PREFIX + "channels_refusing",
        "Channels that refuse alerts: broken by their address or secret, disabled by a 410.",
        labels=("channel", "state"),
    )
    found = Counter[tuple[str, str]]((each.kind, each.state) for each in standings)
    for kind, state in product(KINDS, sorted(set(policy.BROKEN.values()))):
        family.add_metric((kind, state), found[kind, state])
    return family


def outcomes(registry: CollectorRegistry) -> Histogram:
    """Return the histogram of how long channels take to answer."""
    histogram = Histogram(
        PREFIX + "alert_attempt_seconds",
        "Time that one attempt to deliver an alert took, whatever came of it.",
        ("channel",),
        buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        registry=registry,
    )
    for kind in KINDS:
        histogram.labels(kind)
    return histogram


TIME_TO_ROUTE = Times(
    "case_time_to_route",
    "Time from the low score to the first channel that accepted its alert; completed only.",
    OWNER,
)


def count_routed(tally: Tally, alert: Delivery, now: datetime, boundaries: Sequence[int]) -> None:
    """Count the first alert of a case that a channel accepted."""
    seconds = (now - alert.received_at).total_seconds()
    TIME_TO_ROUTE.count(tally, (alert.team, alert.priority), seconds, boundaries)


class Routed:
    """The histogram of what the promise is about: score given to owner alerted.

    What it counts stands in the database; the last case of each bucket is remembered here.
    """

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog
        self._examples: dict[Example, Exemplar] = {}

    def remember(self, alert: Delivery, now: datetime) -> None:
        """Keep the trace of an alert as the example of its bucket."""
        if alert.traceparent:
            seconds = (now - alert.received_at).total_seconds()
            edge = bucket(seconds, targets.boundaries(self._catalog().teams))
            trace_id = alert.traceparent.split("-")[1]
            example = Exemplar({"trace_id": trace_id}, seconds, now.timestamp())
            self._examples[(alert.team, alert.priority), edge] = example

    async def gauge(self, connection: db.Connection, now: datetime) -> Sequence[Metric]:
        """Read it for a scrape."""
        counts, catalog = await tallies_of.read(connection), self._catalog()
        edges = targets.boundaries(catalog.teams)
        return [TIME_TO_ROUTE.family(counts, owners(catalog), edges, self._examples)]
