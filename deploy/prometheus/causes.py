"""Alerts on causes: what to look at when a promise is at risk, most of them before it is broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.prometheus.slos import everywhere

SERVICES = ("listen", "ask", "collect", "route", "close", "console")


@dataclass(frozen=True)
class Cause:
    """One alert. `labels` are added to those of its expression."""

    name: str
    expr: str
    lasting: str
    severity: str
    summary: str
    description: str
    dashboard: str
    audience: str = "sre"
    labels: tuple[tuple[str, str], ...] = ()

    def rule(self) -> dict[str, Any]:
        """Return it as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasting,
            "labels": {
                "severity": self.severity,
                "audience": self.audience,
                **dict(self.labels),
            },
            "annotations": {"summary": self.summary, "description": self.description},
        }


def _gone(service: str) -> Cause:
    job = f"touchback-{service}"
    return Cause(
        "TouchbackTargetAbsent",
        f'absent(up{{job="{job}"}} == 1)',
        "3m",
        "critical",
        f"no replica of {service} can be scraped",
        f"{service} is down, or its /metrics cannot be reached. Nothing else is known about it.",
        "runtime",
        labels=(("job", job),),
    )


def _old(metric: str, by: str) -> str:
    return f"time() - min by ({by}) (touchback_{metric}_timestamp_seconds)"


def _increase(metric: str, span: str) -> str:
    return f"max without (instance, pod) (increase(touchback_{metric}_total[{span}]))"


CAUSES = (
    *(_gone(service) for service in SERVICES),
    Cause(
        "TouchbackCollectorStale",
        "time() - max by (job) (touchback_collector_last_success_timestamp_seconds) > 120",
        "2m",
        "critical",
        "{{ $labels.job }} shows counters of {{ $value | humanizeDuration }} ago",
        "It cannot read its tables, so its counters and every promise made of them stand still.",
        "runtime",
    ),
    Cause(
        "TouchbackConsumerStalled",
        "sum by (topic, group) (touchback_consumer_lag_messages) > 0 and"
        " sum by (topic, group) (rate(touchback_events_consumed_total[10m])) == 0",
        "5m",
        "critical",
        "{{ $labels.group }} takes nothing of {{ $labels.topic }}",
        "Records wait and none was taken for ten minutes. A source that was paused does this too.",
        "pipeline",
    ),
    Cause(
        "TouchbackEventsTooOld",
        f"{_old('consumer_oldest_pending', 'topic, group')} > 300",
        "5m",
        "warning",
        "{{ $labels.group }} is {{ $value | humanizeDuration }} behind on {{ $labels.topic }}",
        "It works, but not as fast as records come.",
        "pipeline",
    ),
    Cause(
        "TouchbackSourcePaused",
        "max by (source) (touchback_source_paused) == 1",
        "15m",
        "warning",
        "source {{ $labels.source }} is not read",
        "Too many of its records could not be understood, so its topic is left where it is.",
        "pipeline",
    ),
    Cause(
        "TouchbackDeadLettersGrowing",
        f"sum by (topic, reason) ({_increase('dead_letters', '1h')}) > 4.5",
        "0m",
        "warning",
        "{{ $value | humanize }} records of {{ $labels.topic }} were refused within an hour",
        "They stand in touchback.dead-letters with the reason, and can be replayed later.",
        "pipeline",
    ),
    Cause(
        "TouchbackOutboxStuck",
        f"{_old('outbox_oldest_pending', 'job')} > 120",
        "2m",
        "critical",
        "{{ $labels.job }} has not published for {{ $value | humanizeDuration }}",
        "What it decided is safe in its outbox and reaches nobody: mostly Kafka is away.",
        "pipeline",
    ),
    Cause(
        "TouchbackOutboxRefused",
        "max by (job) (touchback_outbox_refused_messages) > 0",
        "5m",
        "warning",
        "Kafka refuses {{ $value }} messages of {{ $labels.job }} for good",
        "They are larger than the topic takes. A person must look.",
        "pipeline",
    ),
    Cause(
        "TouchbackTimersLate",
        f"{_old('oldest_due_timer', 'job')} > 120",
        "2m",
        "critical",
        "timers of {{ $labels.job }} are {{ $value | humanizeDuration }} late",
        "Asks wait, clocks warn and escalate too late. Breaches are counted all the same.",
        "runtime",
    ),
    Cause(
        "TouchbackAuditorSilent",
        "time() - max(touchback_cases_audited_timestamp_seconds) > 300"
        " or absent(touchback_cases_audited_timestamp_seconds)"
        ' and on () max(up{job="touchback-close"}) == 1',
        "5m",
        "warning",
        "nobody has seen every open case to have a timer for a while",
        "The auditor of close does not run, or finds cases without a timer again and again.",
        "closed-loop",
    ),
    Cause(
        "TouchbackCaseWithoutTimer",
        f"sum by (job) ({_increase('cases_without_timer', '30m')}) > 0.5",
        "0m",
        "warning",
        "{{ $value | humanize }} cases had no timer: nothing would have warned of them",
        "The auditor has given each its timer back. A person must look why it was gone.",
        "closed-loop",
    ),
    Cause(
        "TouchbackChannelBroken",
        f"sum by (channel) ({_increase('alert_failures', '30m')})"
        f" / sum by (channel) ({_increase('alert_attempts', '30m')}) > 0.5"
        f" and sum by (channel) ({_increase('alert_attempts', '30m')}) > 2.5",
        "5m",
        "warning",
        "{{ $value | humanizePercentage }} of alerts by {{ $labels.channel }} fail",
        "Alerts go to the next channel of each team meanwhile, and are repeated for a day.",
        "delivery",
    ),
    Cause(
        "TouchbackChannelRefuses",
        "max by (channel, state) (touchback_channels_refusing) > 0",
        "5m",
        "warning",
        "{{ $value }} of the {{ $labels.channel }} channels refuse alerts: {{ $labels.state }}",
        "Their teams hear by the next channel. `GET :8084/v1/channels` says which and why.",
        "delivery",
    ),
    Cause(
        "TouchbackCatalogReloadFailed",
        "max by (job) (touchback_catalog_reload_failed) == 1",
        "2m",
        "warning",
        "{{ $labels.job }} keeps to the last good catalog",
        "The catalog on disk is broken: `touchback catalog check` says where.",
        "runtime",
    ),
    Cause(
        "TouchbackRulesFailing",
        f"sum by (job) ({_increase('rule_errors', '1h')}) > 2.5",
        "0m",
        "warning",
        "rules of the catalog fail in {{ $labels.job }}",
        "A condition could not be evaluated: nobody was asked, or the fallback team was told.",
        "funnel",
    ),
    Cause(
        "TouchbackDatabasePoolFull",
        'max by (job, instance) (touchback_db_pool_connections{state="used"})'
        " / max by (job, instance) (touchback_db_pool_connections_max) > 0.9",
        "5m",
        "warning",
        "{{ $labels.instance }} uses all its connections to PostgreSQL",
        "Work waits for a connection: slow queries, or more work than one replica can do.",
        "runtime",
    ),
    Cause(
        "TouchbackClockAhead",
        "max by (job) (touchback_collector_last_success_timestamp_seconds"
        " - timestamp(touchback_collector_last_success_timestamp_seconds)) > 30",
        "5m",
        "warning",
        "the clock of {{ $labels.job }} is {{ $value | humanizeDuration }} ahead",
        "Deadlines are counted by it.",
        "runtime",
    ),
    Cause(
        "TouchbackCasesOverdue",
        f"sum by (team) ({everywhere('touchback_cases_overdue')}) > 0",
        "5m",
        "warning",
        "{{ $value }} cases of {{ $labels.team }} are overdue",
        "Customers wait longer than they were promised. The console lists them, oldest first.",
        "closed-loop",
        audience="owners",
    ),
    Cause(
        "TouchbackWatchdog",
        "vector(1)",
        "0m",
        "info",
        "alerting works",
        "It always fires. Whoever stops hearing it knows that no other alert would arrive either.",
        "slo",
        audience="watchdog",
    ),
)
