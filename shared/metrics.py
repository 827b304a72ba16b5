"""Metrics that all services have, and counters that are read from the database when scraped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from shared import db, kernel, tallies, topics
from shared.backlog import Backlog
from shared.consume import Counters
from shared.errors import UnreadableMessage
from shared.labels import PREFIX, Few, Labels, bounded
from shared.settings import UNKNOWN

__all__ = ["PREFIX", "GaugeReader", "Kernel", "TallyMetric", "dead_letters", "read_tallies"]

GaugeReader = Callable[[db.Connection, datetime], Awaitable[Sequence[Metric]]]
FRESH = 8.0
"""For so long what was read from the database is shown again: two Prometheus replicas that look
every 15 s are never further apart, so both together read it once."""

_SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


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
        for labels, value in sorted(bounded(self.labels, self.zeros, counts).items()):
            family.add_metric(labels, value)
        return family


def dead_letters(read: Iterable[str]) -> TallyMetric:
    """Return the counter of what a service refused of the topics it reads."""
    return TallyMetric(
        "dead_letters",
        "Records that could not be understood or handled.",
        ("topic", "reason"),
        tuple((topic, UnreadableMessage.__name__) for topic in read),
    )


class Kernel:
    """What every service counts in memory."""

    def __init__(self, registry: CollectorRegistry, service: str, revision: str = UNKNOWN) -> None:
        # Each counter would have a second series with the time at which it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it out
        ProcessCollector(registry=registry)
        self.registry = registry
        self._group = topics.group(service)
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
            seconds=Histogram(
                PREFIX + "event_processing_seconds",
                "Time to handle and commit one batch of records.",
                ("group",),
                buckets=_SHORT,
                registry=registry,
            ),
            topic=Few("topic"),
        )
        self.requests = Histogram(
            PREFIX + "http_request_duration_seconds",
            "Time from the request's arrival to the end of its answer.",
            ("route", "method", "code"),
            buckets=_SHORT,
            registry=registry,
        )
        self.loop = Histogram(
            PREFIX + "event_loop_lag_seconds",
            "How much later than asked for the event loop comes back, looked at once a second.",
            buckets=_SHORT,
            registry=registry,
        )
        self.waits = Histogram(
            PREFIX + "db_pool_wait_seconds",
            "Time until the pool lent a connection to PostgreSQL.",
            buckets=_SHORT,
            registry=registry,
        )
        self.reload_failed = self._gauge(
            "catalog_reload_failed",
            "1 while the catalog on disk is broken and the last good one is in use.",
        )
        self.collected = self._gauge(
            "collector_last_success_timestamp_seconds",
            "When the counters were last read from the database: those shown are of that time,"
            f" at most {FRESH:g} s ago while it can be read.",
        )
        says = "Always 1; the labels say what runs, and which commit the image was built from."
        build = self._gauge("build_info", says, "version", "revision")
        build.labels(version("touchback"), revision).set(1)

    def reads(self, service_topics: Iterable[str]) -> None:
        """Show what these topics come to as 0 before their first record."""
        self.counters.duplicate.labels(self._group)
        self.counters.seconds.labels(self._group)
        for topic in service_topics:
            self.counters.consumed.labels(self.counters.topic(topic), self._group)

    def follow_pool(self, database: db.Database) -> None:
        """Publish how the pool of connections is used."""
        gauge = self._gauge(
            "db_pool_connections", "Connections to PostgreSQL, by what they do.", "state"
        )
        gauge.labels("used").set_function(lambda: float(database.used))
        gauge.labels("idle").set_function(lambda: float(database.idle))
        self._gauge(
            "db_pool_connections_max", "Connections to PostgreSQL that one process may have."
        ).set(database.max_size)
        database.on_lent = self.waits.observe

    def follow_backlog(self, backlog: Backlog) -> None:
        """Publish what waits on the topics."""
        self.registry.register(_Waiting(backlog, self._group, self.counters.topic))

    def _gauge(self, name: str, help: str, *labels: str) -> Gauge:
        return Gauge(PREFIX + name, help, labels, registry=self.registry)


class _Waiting(Collector):
    """Read when scraped: what does not wait any more has no sample, rather than an old one."""

    def __init__(self, backlog: Backlog, group: str, topic: Callable[[str], str]) -> None:
        self._backlog = backlog
        self._group = group
        self._topic = topic

    def collect(self) -> Iterable[Metric]:
        lag = GaugeMetricFamily(
            PREFIX + "consumer_lag_messages",
            "Records on the topic that this group has yet to take.",
            labels=("topic", "group"),
        )
        oldest = GaugeMetricFamily(
            PREFIX + "consumer_oldest_pending_timestamp_seconds",
            "Since when the oldest record that was not taken yet has been on the topic.",
            labels=("topic", "group"),
        )
        for topic, behind in self._named(self._backlog.messages(), sum).items():
            lag.add_metric((topic, self._group), behind)
        for topic, since in self._named(self._backlog.oldest(), min).items():
            oldest.add_metric((topic, self._group), since)
        return (lag, oldest)

    def _named(
        self, values: Mapping[str, float], join: Callable[[Iterable[float]], float]
    ) -> dict[str, float]:
        found: dict[str, float] = {}
        for topic, value in values.items():
            name = self._topic(topic)
            found[name] = join((found[name], value)) if name in found else value
        return found


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
        moment(
            "outbox_oldest_pending",
            "When the oldest unsent message was written.",
            row["outbox"],
        ),
        GaugeMetricFamily(
            PREFIX + "outbox_refused_messages",
            "Messages that Kafka will never take, such as too large ones; a person must look.",
            value=row["refused"],
        ),
        moment(
            "oldest_due_timer",
            "When the oldest timer not yet run was due.",
            row["timer"],
        ),
    ]


def moment(name: str, help: str, at: datetime | None) -> Metric:
    """Return a gauge of one moment; there is no sample without one."""
    metric = Metric(f"{PREFIX}{name}_timestamp_seconds", help, "gauge")
    if at is not None:
        metric.add_sample(metric.name, {}, at.timestamp())
    return metric
