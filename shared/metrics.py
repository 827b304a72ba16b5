"""Metrics that all services have, and counters that are read from the database when scraped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shared import db, kernel, tallies
from shared.consume import Counters
from shared.tallies import Labels

PREFIX = "touchback_"
GaugeReader = Callable[[db.Connection, datetime], Awaitable[Sequence[Metric]]]


@dataclass(frozen=True, slots=True)
class TallyMetric:
    """A counter kept in the tallies table; `zeros` are label sets that show as 0 from the start.

    `name` is the tally's; the metric is called touchback_<name>_total.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    zeros: tuple[Labels, ...] = ()

    def family(self, counts: Mapping[Labels, float]) -> CounterMetricFamily:
        """Return the metric with these counts."""
        family = CounterMetricFamily(PREFIX + self.name, self.help, labels=self.labels)
        for labels, value in sorted({**tallies.zeros(self.zeros), **counts}.items()):
            family.add_metric(labels, value)
        return family


DEAD_LETTERS = TallyMetric(
    "dead_letters",
    "Records that could not be understood or handled.",
    ("topic", "reason"),
)


class Kernel:
    """What every service counts in memory."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.counters = Counters(
            consumed=Counter(
                PREFIX + "events_consumed",
                "Records taken from a topic and committed.",
                ("topic", "group"),
                registry=registry,
            ),
            duplicate=Counter(
                PREFIX + "events_duplicate",
                "Events recognised as repeats.",
                ("group",),
                registry=registry,
            ),
        )
        self.lag = Gauge(
            PREFIX + "consumer_lag_messages",
            "Records on the topic that this group has yet to take.",
            ("topic", "group"),
            registry=registry,
        )
        self.requests = Histogram(
            PREFIX + "http_request_duration_seconds",
            "Time from the request's arrival to the end of its answer.",
            ("route", "method", "code"),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.reload_failed = Gauge(
            PREFIX + "catalog_reload_failed",
            "1 while the catalog on disk is broken and the last good one is in use.",
            registry=registry,
        )
        build = Gauge(
            PREFIX + "build_info",
            "Always 1; the labels say what runs.",
            ("version",),
            registry=registry,
        )
        build.labels(version("touchback")).set(1)


class Snapshot(Collector):
    """Metrics read from the database just before a scrape, which itself is not asynchronous."""

    def __init__(self) -> None:
        self.metrics: Sequence[Metric] = ()

    def collect(self) -> Iterator[Metric]:
        yield from self.metrics


async def read_tallies(
    connection: db.Connection, wanted: Iterable[TallyMetric]
) -> list[CounterMetricFamily]:
    """Return the wanted counters as they stand in the database."""
    counts = await tallies.read(connection)
    return [metric.family(counts.get(metric.name, {})) for metric in wanted]


async def kernel_gauges(connection: db.Connection, now: datetime) -> list[Metric]:
    """Return how long the oldest message and the oldest overdue timer have been waiting, as times.

    There is no sample while nothing waits.
    """
    row = await connection.fetchrow(kernel.QUERIES["waiting_since"], now)
    assert row is not None  # noqa: S101  (a select without from always gives one row)
    return [
        _moment(
            "outbox_oldest_pending",
            "When the oldest unsent message was written.",
            row["outbox"],
        ),
        GaugeMetricFamily(
            PREFIX + "outbox_refused_messages",
            "Messages that Kafka will never take, such as too large ones; a person must look.",
            value=row["refused"],
        ),
        _moment(
            "oldest_due_timer",
            "When the oldest timer not yet run was due.",
            row["timer"],
        ),
    ]


def _moment(name: str, help: str, moment: datetime | None) -> Metric:
    metric = Metric(f"{PREFIX}{name}_timestamp_seconds", help, "gauge")
    if moment is not None:
        metric.add_sample(metric.name, {}, moment.timestamp())
    return metric
