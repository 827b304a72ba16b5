"""Every metric of `ask`: business counters live in tallies, one histogram in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.metrics_core import Metric

from services.ask.policy import SENDS
from shared.catalog.catalog import Catalog
from shared.contracts.asks import Outcome, Silence
from shared.contracts.signals import DELIVERY_OUTCOMES
from shared.metrics import PREFIX, TallyMetric
from shared.tallies import Tally
from shared.times import Counts

FAILURES = (
    "stale_event",
    "opted_out",
    "no_consent",
    "no_address",
    "cap_person",
    "open_case",
    "quiet_hours_expired",
    "not_eligible",
    "address_refused",
    "channel_broken",
    "bounced",
    "mail_refused",
    "cancelled",
    "unknown",
)
"""Why an ask did not reach its customer; `unknown` is one that may have."""


LADDER = "ladder"
"""Stands where a touchpoint does when a rule of the ladder broke."""

DEADLINES: Mapping[str, float] = {
    "decision_deadlines_breached": 60.0,
    "decisions_overdue": 3600.0,
}
"""Seconds after which a decision is late, and after which it counts as one that never comes."""

_DECIDED = {
    "decision_deadlines": "Moments that are decided, or late; without those of a stale backlog.",
    "decision_deadlines_breached": "Moments that were not decided within 60 s of being due.",
    "decisions_overdue": "Moments that were not decided within an hour of being due.",
}


def tallies(catalog: Catalog) -> list[TallyMetric]:
    """Declare the counters; the touchpoints of the catalog show as 0 from the start."""
    names = tuple(each.touchpoint for each in catalog.touchpoints)
    return [
        TallyMetric(
            "decisions",
            "Decisions about matched signals.",
            ("touchpoint", "decision"),
            tuple(product(names, get_args(Outcome))),
        ),
        TallyMetric(
            "silences",
            "Decisions not to ask, by reason.",
            ("touchpoint", "reason"),
            tuple(product(names, get_args(Silence))),
        ),
        TallyMetric(
            "invitations",
            "Asks that the channel accepted.",
            ("touchpoint", "channel"),
            tuple(product(names, SENDS)),
        ),
        TallyMetric(
            "notices",
            "What customers were told ahead of a complaint.",
            ("touchpoint", "channel"),
            tuple(product(names, SENDS)),
        ),
        TallyMetric(
            "invitation_failures",
            "Asks that did not go out, or of which nobody knows (reason unknown).",
            ("channel", "reason"),
            tuple(product(SENDS, FAILURES)),
        ),
        TallyMetric(
            "invitations_expired",
            "Asks whose time to answer passed without an answer.",
            ("touchpoint",),
            tuple((name,) for name in names),
        ),
        TallyMetric(
            "delivery_reports",
            "What providers reported about asks they had accepted.",
            ("channel", "outcome"),
            tuple(product(SENDS, DELIVERY_OUTCOMES)),
        ),
        TallyMetric(
            "rule_errors",
            "Conditions of touchpoints, and (ladder) of policy.yaml's ladder, that broke.",
            ("touchpoint",),
            tuple((name,) for name in (*names, LADDER)),
        ),
    ]


OURSELVES = ("touchback/ask", "touchback/collect", "touchback/close")
"""The sources of what we hear from each other."""


def source(name: str, catalog: Catalog) -> str:
    """Return the label for a source: one of the catalog, one of us, or `other`."""
    known = name in OURSELVES or any(each.source == name for each in catalog.sources)
    return name if known else "other"


def count_decided(tally: Tally, source: str, late: float) -> None:
    """Count a moment that is decided, and which deadlines it missed."""
    tally.add("decision_deadlines", source)
    for metric, seconds in DEADLINES.items():
        if late > seconds:
            tally.add(metric, source)


def deadlines(
    counts: Counts, waiting: Mapping[str, Mapping[str, int]], catalog: Catalog
) -> list[Metric]:
    """Return how many moments were decided in time.

    `waiting` are those not decided yet, by deadline missed and source: an undecided moment is late
    when its time is over, and not only once somebody decides it.
    """
    zeros = tuple((each,) for each in (*(each.source for each in catalog.sources), *OURSELVES))
    overdue = {"decision_deadlines": waiting["decision_deadlines_breached"], **waiting}
    found: list[Metric] = []
    for name, help in _DECIDED.items():
        sums = Counter(counts.get(name, {}))
        for each, count in overdue[name].items():
            sums[(source(each, catalog),)] += count
        found.append(TallyMetric(name, help, ("source",), zeros).family(sums))
    return found


def decision_delay(registry: CollectorRegistry, catalog: Catalog | None = None) -> Histogram:
    """Return the histogram of how late decisions are; the sources of the catalog show from the
    start."""
    delays = Histogram(
        PREFIX + "event_decision_delay_seconds",
        "From the moment a decision was due (event time, delay and hold window) to the decision.",
        ("source",),
        buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 86400),
        registry=registry,
    )
    for each in catalog.sources if catalog else ():
        delays.labels(each.source)
    return delays
