"""What this service publishes about cases. Counts live in tallies, so a restart loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, get_args

from prometheus_client.core import (
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric

from services.close.model import CLOCKS, Changed, OpenCount
from services.close.policy import Policy
from shared.contracts.base import Band
from shared.contracts.cases import CaseEvent, Clock
from shared.labels import Labels
from shared.metrics import PREFIX, TallyMetric
from shared.tallies import Tally
from shared.times import INFINITE, Counts, Times

LABELS = ("team", "priority")
Timed: TypeAlias = Clock | Literal["close"]
AGES = (3600.0, 14400.0, 86400.0, 172800.0, 432000.0, 604800.0, 1209600.0)
"""Where the ages of open cases are cut: an hour to a fortnight."""
_COUNTED = {
    "acknowledged": ("cases_acknowledged", "Cases that a person took."),
    "contacted": ("cases_contacted", "Contacts with customers about cases, each attempt counts."),
    "resolved": ("cases_resolved", "Cases that were put right; one reopened may count again."),
    "reopened": ("cases_reopened", "Cases opened again by a person or by a further low score."),
    "escalated": ("cases_escalated", "Times that others were told because time had passed."),
    "reassigned": (
        "case_transfers",
        "Cases that were handed to another team, by the one that got it.",
    ),
    "closed": ("cases_closed", "Cases that were closed because the customer agreed."),
    "closed_unconfirmed": (
        "cases_closed_unconfirmed",
        "Cases that were closed because nobody said anything: not known to be put right.",
    ),
}
_DECIDED: tuple[Clock, ...] = ("route", *CLOCKS)
_TIMED: tuple[Timed, ...] = (*CLOCKS, "close")
TIMES: Mapping[Timed, Times] = {
    clock: Times(
        f"case_time_to_{clock}",
        f"From the response to the first {clock}, of cases that came so far; completed only.",
        LABELS,
    )
    for clock in _TIMED
}


def counters(policy: Policy) -> list[TallyMetric]:
    """Return every counter, with a zero for each team and priority."""
    zeros = policy.labels
    found = [TallyMetric(name, help, LABELS, zeros) for name, help in _COUNTED.values()]
    found.append(
        TallyMetric(
            "recovery_answers",
            "What customers said of how their case was put right.",
            ("band",),
            tuple((band,) for band in get_args(Band)),
        )
    )
    unwatched = "Cases that the auditor gave a timer back."
    found.append(TallyMetric("cases_without_timer", unwatched, zeros=((),)))
    return found


def deadlines(
    counts: Counts, unmarked: Mapping[str, Mapping[Labels, int]], policy: Policy
) -> list[Metric]:
    """Return how each clock was decided; `unmarked` ran out, and no timer came back to them yet.

    So a breach shows when its time is over, whatever became of the timers.
    """
    found: list[Metric] = []
    for clock in _DECIDED:
        late = unmarked.get(clock, {})
        for name, help in (
            (
                f"case_{clock}_deadlines",
                f"Cases whose first {clock} clock is decided: met, or run out, open or not.",
            ),
            (
                f"case_{clock}_deadlines_breached",
                f"Cases whose first {clock} clock ran out, counted when it did.",
            ),
        ):
            sums = Counter(counts.get(name, {}))
            sums.update(late)
            found.append(TallyMetric(name, help, LABELS, policy.labels).family(sums))
    return found


def count_change(tally: Tally, change: Changed) -> None:
    """Count what happened to a case, whatever became of its clocks."""
    name: str = "reopened" if change.reopened else change.type
    if change.type == "closed":
        name = change.case.event.state
    if name in _COUNTED:
        tally.add(_COUNTED[name][0], *_labels(change.case.event))


def count_decided(tally: Tally, event: CaseEvent, clock: Clock, *, breached: bool) -> None:
    """Count a clock that is decided: stopped in time, or run out."""
    tally.add(f"case_{clock}_deadlines", *_labels(event))
    if breached:
        tally.add(f"case_{clock}_deadlines_breached", *_labels(event))


def count_time(
    tally: Tally, event: CaseEvent, clock: Timed, took: timedelta, boundaries: Sequence[int]
) -> None:
    """Put a time into its histogram."""
    TIMES[clock].count(tally, _labels(event), took.total_seconds(), boundaries)


def histograms(counts: Counts, policy: Policy) -> list[HistogramMetricFamily]:
    """Return the times from response to action, out of the tallies."""
    return [each.family(counts, policy.labels, policy.boundaries) for each in TIMES.values()]


def gauges(counts: Sequence[OpenCount], policy: Policy) -> list[Metric]:
    """Return what waits for somebody now; the oldest has no sample where nothing is open."""
    open_, soon, overdue, oldest = (
        GaugeMetricFamily(f"{PREFIX}{name}", help, labels=LABELS)
        for name, help in (
            ("cases_open", "Cases in which somebody still has to do something."),
            (
                "cases_due_soon",
                "Open cases with a clock that has used 80 % of its time, none run out.",
            ),
            ("cases_overdue", "Open cases with a clock that has run out and was not stopped."),
            ("case_oldest_open_timestamp_seconds", "When the oldest open case was opened."),
        )
    )
    known: dict[Labels, OpenCount] = {(each.team, each.priority): each for each in counts}
    for labels in sorted({*policy.labels, *known}):
        found = known.get(labels)
        open_.add_metric(labels, found.open if found else 0)
        soon.add_metric(labels, found.due_soon if found else 0)
        overdue.add_metric(labels, found.overdue if found else 0)
        if found:
            oldest.add_metric(labels, found.oldest.timestamp())
    return [open_, soon, overdue, oldest, _ages(known, policy)]


def audited(clean_at: datetime | None) -> list[Metric]:
    """Return the auditor's heartbeat; there is no sample before its first clean look."""
    name = f"{PREFIX}cases_audited_timestamp_seconds"
    help = "When every case that is not over was last seen to have a timer."
    heartbeat = GaugeMetricFamily(name, help)
    if clean_at is not None:
        heartbeat.add_metric((), clean_at.timestamp())
    return [heartbeat]


def _ages(counts: Mapping[Labels, OpenCount], policy: Policy) -> Metric:
    help = "How long open cases have been open."
    family = GaugeHistogramMetricFamily(f"{PREFIX}cases_open_age_seconds", help, labels=LABELS)
    for labels in sorted({*policy.labels, *counts}):
        each = counts.get(labels)
        places = Counter(each.age_buckets if each else ())
        buckets, total = [], 0
        for place, edge in enumerate((*map(str, AGES), INFINITE)):
            total += places[place]
            buckets.append((edge, float(total)))
        family.add_metric(labels, buckets, each.age_sum if each else 0.0)
    return family


def _labels(event: CaseEvent) -> tuple[str, str]:
    return (event.team, event.priority)


def since(start: datetime, end: datetime | None) -> timedelta:
    """Return how long something took; nothing while it has not ended."""
    return (end - start) if end else timedelta()
