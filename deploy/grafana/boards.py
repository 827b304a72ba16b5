"""The six dashboards: who looks at which, and what it shows."""

from __future__ import annotations

from deploy.grafana.panels import (
    Dashboard,
    Panel,
    each,
    now,
    of,
    ours,
    quantile,
    since,
    told,
    told_quantile,
)

RANGE = "$__range"
CONSOLE = "http://localhost:8080/?team=${__data.fields.team}"


def _kept(clock: str, span: str, by: str = "") -> str:
    late = told(by, f"case_{clock}_deadlines_breached_total", span)
    return f"1 - {late} / {told(by, f'case_{clock}_deadlines_total', span)}"


def _share(part: str, whole: str, by: str = "") -> str:
    return f"{told(by, part, RANGE)} / {told(by, whole, RANGE)}"


def _stat(title: str, says: str, unit: str, expr: str, bad: float | None = None) -> Panel:
    return Panel(title, says, unit, ((expr, ""),), "stat", 4, 4, bad_above=bad)


CLOSED_LOOP = Dashboard(
    "closed-loop",
    "Closed loop",
    "For owners and managers: who waits, for how long, and whether promises are kept.",
    (
        _stat("Overdue now", "Open cases with a clock that has run out.", "short",
              now("", "cases_overdue"), 1),
        _stat("Due soon", "Open cases with a clock past 80 % of its time, none run out.", "short",
              now("", "cases_due_soon")),
        _stat("Open now", "Cases in which somebody still has to do something.", "short",
              now("", "cases_open")),
        _stat("Oldest open case", "How long the oldest open case has been open.", "s",
              f"max(time() - {ours('case_oldest_open_timestamp_seconds')})"
              f" or max({ours('cases_open')} * 0)"),
        _stat("Contacted in time, 7 days",
              "Of all cases whose deadline is decided, open or not; not only of those closed.",
              "percentunit", _kept("contact", "7d")),
        _stat("Contacted in time, 30 days",
              "Of all cases whose deadline is decided, open or not; not only of those closed.",
              "percentunit", _kept("contact", "30d")),
        Panel("Open cases by age", "How many have been open for no longer than so many seconds.",
              "short", ((f"sum by (le) (max without (instance, pod)"
                         f" ({ours('cases_open_age_seconds_bucket')}))", "{{le}}"),), "bargauge"),
        Panel("Overdue by team", "Open cases with a clock that has run out.", "short",
              ((now("team", "cases_overdue"), "{{team}}"),)),
        Panel("Contacted in time by team", "Over the time shown, open cases included.",
              "percentunit", ((_kept("contact", RANGE, "team"), "{{team}}"),)),
        Panel("Time to contact (completed only)",
              "Of customers who were contacted. Those who wait are not in it: see what is overdue.",
              "s", ((told_quantile(0.5, "", "case_time_to_contact_seconds"), "half of them"),
                    (told_quantile(0.9, "", "case_time_to_contact_seconds"), "nine of ten")),
              "stat"),
        Panel("Time to close (completed only)", "From the answer to the end of its case.", "s",
              ((told_quantile(0.5, "", "case_time_to_close_seconds"), "half of them"),
               (told_quantile(0.9, "", "case_time_to_close_seconds"), "nine of ten")), "stat"),
        Panel("Opened, closed, reopened", "Cases over the time shown.", "short",
              ((told("", "cases_opened_total"), "opened"),
               (told("", "cases_closed_total"), "closed, the customer agreed"),
               (told("", "cases_closed_unconfirmed_total"), "closed, nobody said anything"),
               (told("", "cases_reopened_total"), "reopened"))),
        Panel("Reopened and handed over", "Shares of cases opened over the time shown.",
              "percentunit",
              ((_share("cases_reopened_total", "cases_opened_total"), "reopened"),
               (_share("case_transfers_total", "cases_opened_total"), "handed over")), "stat"),
        Panel("What customers say of the solution", "Answers to the recovery question.", "short",
              ((told("band", "recovery_answers_total", RANGE), "{{band}}"),), "bargauge"),
        Panel("Teams", "What waits now; the team's name leads to its cases.", "short",
              ((now("team", "cases_open"), "open"), (now("team", "cases_due_soon"), "due soon"),
               (now("team", "cases_overdue"), "overdue")), "table", 24, link=CONSOLE),
    ),
    span="now-7d",
)  # fmt: skip

FIRING = 'sum by (alertname, severity) (ALERTS{alertname=~"Touchback.+", alertstate="firing"})'
_ALLOWED = "on (slo) group_left () (1 - touchback:slo_objective)"
SLO = Dashboard(
    "slo",
    "Promises",
    "What was promised, how much of it was kept, and how fast the rest is used up.",
    (
        Panel("Kept, 30 days", "Share of events that kept the promise.", "percentunit",
              (("1 - touchback:slo_errors:ratio30d", "{{slo}} {{team}}"),), "stat", 12),
        Panel("Errors left, 30 days", "Of what may go wrong, how much has not; below 0: broken.",
              "percentunit", ((f"1 - touchback:slo_errors:ratio30d / {_ALLOWED}",
                               "{{slo}} {{team}}"),), "stat", 12),
        *(Panel(f"Speed of errors, {span}", "1 spends just what is allowed in 30 days.", "short",
                ((f"touchback:slo_errors:ratio{span} / {_ALLOWED}", "{{slo}} {{team}}"),), width=12)
          for span in ("1h", "6h", "1d", "3d")),
        Panel("Alerts firing", "The watchdog always fires.", "short",
              ((FIRING, "{{alertname}} {{severity}}"),), width=12),
        Panel("Objectives", "What is promised.", "percentunit",
              (("touchback:slo_objective", "{{slo}}"),), "stat", 6),
        Panel("Events, 30 days", "What each promise was measured on.", "short",
              (("touchback:slo_total:increase30d", "{{slo}} {{team}}"),), "stat", 6),
    ),
    span="now-7d",
)  # fmt: skip

_STEPS = (
    ("signals_total", "signals"),
    ("decisions_total", "decisions"),
    ("invitations_total", "asked"),
    ("responses_total", "answered"),
    ("cases_opened_total", "cases opened"),
    ("cases_closed_total", "cases closed"),
)
FUNNEL = Dashboard(
    "funnel",
    "Touchpoint funnel",
    "For who asks: what becomes of events, why customers are not asked, and what they answer.",
    (
        Panel("From event to closed case", "Over the time shown.", "short",
              tuple((told("", name, RANGE), title) for name, title in _STEPS), "bargauge", 12),
        Panel("Signals by source", "Business events after mapping.", "short",
              ((told("source", "signals_total"), "{{source}}"),), width=12),
        Panel("Decisions", "Each matching event gets one.", "short",
              ((told("decision", "decisions_total"), "{{decision}}"),)),
        Panel("Why nobody was asked", "Silences by reason, over the time shown.", "short",
              ((told("reason", "silences_total", RANGE), "{{reason}}"),), "bargauge"),
        Panel("Unanswered", "Asks whose time ran out without an answer, of those sent: silence.",
              "percentunit", ((_share("invitations_expired_total", "invitations_total",
                                      "touchpoint"), "{{touchpoint}}"),)),
        Panel("Asked by touchpoint", "Asks that a channel accepted.", "short",
              ((told("touchpoint", "invitations_total"), "{{touchpoint}}"),)),
        Panel("Answers by touchpoint", "Over the time shown, by the quality of the experience.",
              "short", ((told("touchpoint, band", "responses_total", RANGE),
                         "{{touchpoint}} {{band}}"),), "bargauge"),
        Panel("Low answers", "Share of answers that report a bad experience.", "percentunit",
              ((f"""{told("touchpoint", "responses_total", RANGE, 'band="low"')} / """
                f"""{told("touchpoint", "responses_total", RANGE)}""", "{{touchpoint}}"),)),
        Panel("Pages looked at", "By browsers, and by programs that open every link of a mail.",
              "cps", ((each("visitor", "survey_views_total"), "{{visitor}}"),)),
        Panel("Rules that failed", "Conditions that could not be evaluated.", "short",
              ((told("job", "rule_errors_total"), "{{job}}"),)),
        Panel("Signals that nobody waits for", "No touchpoint of the catalog is about them.",
              "short", ((told("source", "signals_unused_total"), "{{source}}"),)),
    ),
)  # fmt: skip

PIPELINE = Dashboard(
    "pipeline",
    "Pipeline",
    "For who runs it: what is taken, what waits, what is refused, how late decisions are.",
    (
        Panel("Records taken", "Committed, by consumer group.", "cps",
              ((each("group", "events_consumed_total"), "{{group}}"),)),
        Panel("Waiting records", "On the topics.", "short",
              ((f"sum by (topic, group) ({ours('consumer_lag_messages')})",
                "{{group}} {{topic}}"),)),
        Panel("Oldest waiting record", "How long it has been on its topic.", "s",
              ((since("topic, group", "consumer_oldest_pending_timestamp_seconds",
                      "consumer_lag_messages"), "{{group}} {{topic}}"),)),
        Panel("Delay of decisions", "From when a moment was due; dots lead to traces.", "s",
              ((each("le", "event_decision_delay_seconds_bucket"), "{{le}}"),), "heatmap", 12,
              examples=True),
        Panel("Time to handle a batch", "Until it is committed.", "s",
              ((quantile(0.5, "group", "event_processing_seconds"), "half, {{group}}"),
               (quantile(0.99, "group", "event_processing_seconds"), "99 %, {{group}}")),
              width=12),
        Panel("Oldest unsent message", "What was decided and did not reach Kafka yet.", "s",
              ((since("job", "outbox_oldest_pending_timestamp_seconds",
                      "outbox_refused_messages"), "{{job}}"),)),
        Panel("Oldest timer that should have run", "Time that passed without anything done.", "s",
              ((since("job", "oldest_due_timer_timestamp_seconds", "outbox_refused_messages"),
                "{{job}}"),)),
        Panel("Messages that Kafka refuses", "A person must look.", "short",
              ((f"max by (job) ({ours('outbox_refused_messages')})", "{{job}}"),), bad_above=1),
        Panel("Repeats recognised", "Events that were there before.", "cps",
              ((each("group", "events_duplicate_total"), "{{group}}"),)),
        Panel("Dead letters", "Records that could not be understood or handled.", "short",
              ((told("topic, reason", "dead_letters_total"), "{{topic}} {{reason}}"),)),
        Panel("Records that no mapping is about", "By source.", "short",
              ((told("source", "events_skipped_total"), "{{source}}"),)),
        Panel("Sources not read", "1 while a source is paused.", "short",
              ((f"max by (source) ({ours('source_paused')})", "{{source}}"),), bad_above=1),
    ),
)  # fmt: skip

DELIVERY = Dashboard(
    "delivery",
    "Delivery and routing",
    "For who runs it: whether alerts and asks get through, on which channel, and why not.",
    (
        Panel("Alerts accepted", "By kind of channel.", "short",
              ((told("channel", "alerts_delivered_total"), "{{channel}}"),)),
        Panel("Time to the owner", "From the low score to the first channel that accepted it.",
              "s", ((told_quantile(0.5, "", "case_time_to_route_seconds"), "half of them"),
                    (told_quantile(0.9, "", "case_time_to_route_seconds"), "nine of ten"),
                    (told_quantile(0.99, "", "case_time_to_route_seconds"), "99 of 100")), "stat"),
        Panel("Alerts in time", "Of all cases whose alert was due, delivered or not.",
              "percentunit", ((_kept("route", RANGE, "team"), "{{team}}"),)),
        Panel("Time of an attempt", "How long channels take to answer; dots lead to traces.", "s",
              ((quantile(0.5, "channel", "alert_attempt_seconds"), "half, {{channel}}"),
               (quantile(0.95, "channel", "alert_attempt_seconds"), "95 %, {{channel}}")),
              examples=True),
        Panel("Failed attempts", "By channel and reason.", "short",
              ((told("channel, reason", "alert_failures_total"), "{{channel}} {{reason}}"),)),
        Panel("Share of attempts that fail", "By channel, over the time shown.", "percentunit",
              ((_share("alert_failures_total", "alert_attempts_total", "channel"),
                "{{channel}}"),)),
        Panel("Failed over and escalated", "Another channel, or the fallback team, was told.",
              "short", ((told("channel", "alerts_failed_over_total"), "to {{channel}}"),
                        (told("team", "alerts_escalated_total"), "instead of {{team}}"))),
        Panel("Low scores without an owner", "The fallback team has them.", "short",
              ((told("reason", "cases_unroutable_total"), "{{reason}}"),)),
        Panel("Asks sent", "By channel.", "short",
              ((told("channel", "invitations_total"), "{{channel}}"),)),
        Panel("Asks that did not go out", "By channel and reason.", "short",
              ((told("channel, reason", "invitation_failures_total"), "{{channel}} {{reason}}"),)),
        Panel("What providers report", "Bounces and complaints about asks.", "short",
              ((told("channel, outcome", "delivery_reports_total"), "{{channel}} {{outcome}}"),)),
    ),
)  # fmt: skip

RUNTIME = Dashboard(
    "runtime",
    "Runtime",
    "For who runs it: processes, memory, connections, requests, releases.",
    (
        Panel("Replicas", "That can be scraped.", "short",
              ((f"sum by (job) ({of('up')})", "{{job}}"),), "stat"),
        Panel("Starts", "Of processes, over the time shown.", "short",
              ((f"sum by (job) (changes({of('process_start_time_seconds')}[{RANGE}]))",
                "{{job}}"),), "stat"),
        Panel("Counters as of", "How old the figures of the database are.", "s",
              ((f"time() - max by (job) ({ours('collector_last_success_timestamp_seconds')})",
                "{{job}}"),), "stat"),
        Panel("CPU", "Cores in use.", "short",
              ((f"sum by (job) (rate({of('process_cpu_seconds_total')}[$__rate_interval]))",
                "{{job}}"),)),
        Panel("Event loop", "How late it comes back: above 0.1 s everything waits.", "s",
              ((quantile(0.99, "job", "event_loop_lag_seconds"), "{{job}}"),)),
        Panel("Connections in use", "To PostgreSQL, of what one process may have.", "percentunit",
              ((f"""max by (job) ({ours('db_pool_connections', 'state="used"')}"""
                f" / ignoring (state) {ours('db_pool_connections_max')})", "{{job}}"),)),
        Panel("Waiting for a connection", "99 % of the time it takes no longer.", "s",
              ((quantile(0.99, "job", "db_pool_wait_seconds"), "{{job}}"),)),
        Panel("Requests that failed", "Answers 5xx, as a share.", "percentunit",
              ((f"""(sum by (job) (rate({ours("http_request_duration_seconds_count",
                'code=~"5.."')}[$__rate_interval])) or 0 * """
                f"""{each("job", "http_request_duration_seconds_count")}) / """
                f"""{each("job", "http_request_duration_seconds_count")}""", "{{job}}"),)),
        Panel("Time of requests", "95 % take no longer; dots lead to traces.", "s",
              ((quantile(0.95, "job", "http_request_duration_seconds"), "{{job}}"),),
              examples=True),
        Panel("Memory", "Resident.", "bytes",
              ((f"sum by (job) ({of('process_resident_memory_bytes')})", "{{job}}"),)),
        Panel("Open files", "And sockets.", "short",
              ((f"max by (job) ({of('process_open_fds')})", "{{job}}"),)),
        Panel("Requests", "By route.", "reqps",
              ((each("job, route", "http_request_duration_seconds_count"), "{{job}} {{route}}"),)),
        Panel("Catalog", "1 while the one on disk is broken.", "short",
              ((f"max by (job) ({ours('catalog_reload_failed')})", "{{job}}"),), "stat",
              bad_above=1),
        Panel("Releases", "What runs.", "short",
              ((f"count by (job, version, revision) ({ours('build_info')})",
                "{{job}} {{version}} {{revision}}"),),
              "table"),
    ),
)  # fmt: skip

ALL = (CLOSED_LOOP, SLO, FUNNEL, PIPELINE, DELIVERY, RUNTIME)
