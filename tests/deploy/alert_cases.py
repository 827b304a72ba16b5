"""For each alert what makes it fire, and what looks alike and must not."""

from __future__ import annotations

from dataclasses import dataclass

ROUTE = '{job="touchback-route", instance="a"}'


@dataclass(frozen=True)
class Case:
    """Series as promtool writes them, one value a minute; whether the alert fires at the end."""

    alert: str
    fires: bool
    says: str
    at: str
    series: tuple[tuple[str, str], ...]
    select: str = ""


def _case(
    alert: str, fires: bool, says: str, at: str, *series: tuple[str, str], select: str = ""
) -> Case:
    return Case(alert, fires, says, at, series, select)


def _owner(clock: str, what: str = "", team: str = "care", instance: str = "a") -> str:
    labels = f'job="touchback-close", instance="{instance}", team="{team}", priority="high"'
    return f"touchback_case_{clock}_deadlines{what}_total{{{labels}}}"


def _ask(metric: str) -> str:
    return f'touchback_{metric}_total{{job="touchback-ask", instance="a", source="shop"}}'


def _page(code: str, suffix: str = "count", more: str = "") -> str:
    labels = 'job="touchback-collect", instance="a", route="/s/{token}", method="GET"'
    return f'touchback_http_request_duration_seconds_{suffix}{{{labels}, code="{code}"{more}}}'


def _moment(metric: str, more: str = "") -> str:
    return f'touchback_{metric}_timestamp_seconds{{job="touchback-route", instance="a"{more}}}'


WAITS = ', topic="orders", group="touchback.listen"'
LAG = 'touchback_consumer_lag_messages{job="touchback-listen", instance="a"' + WAITS + "}"
TAKEN = 'touchback_events_consumed_total{job="touchback-listen", instance="a"' + WAITS + "}"
UP = [f'up{{job="touchback-{each}", instance="a"}}' for each in ("route", "close")]
CLOSE = '{job="touchback-close", instance="a"}'
AUDITED = f"touchback_cases_audited_timestamp_seconds{CLOSE}"
POOL = 'touchback_db_pool_connections{job="touchback-ask", instance="a", state="used"}'
POOL_MAX = 'touchback_db_pool_connections_max{job="touchback-ask", instance="a"}'
DEAD = (
    "touchback_dead_letters_total"
    '{job="touchback-listen", instance="%s", topic="orders", reason="U"}'
)
PAUSED = 'touchback_source_paused{job="touchback-listen", instance="a", source="shop"}'
TRIED = 'touchback_alert_attempts_total{job="touchback-route", instance="a", channel="slack"}'
FAILED = (
    "touchback_alert_failures_total"
    '{job="touchback-route", instance="a", channel="slack", reason="network"}'
)
REFUSING = (
    'touchback_channels_refusing{job="touchback-route", instance="a", channel="%s", state="%s"}'
)
COLLECTED = _moment("collector_last_success")

CASES: tuple[Case, ...] = (
    # --- promises ---
    _case(
        "TouchbackAlertDeliveryBurn", True, "a third of the alerts come late for an hour", "90m",
        (_owner("route"), "0x30 1+1x60"), (_owner("route", "_breached"), "0x30 0+0.34x60"),
        select='window="1h"',
    ),
    _case(
        "TouchbackAlertDeliveryBurn", False, "one late alert in a quiet hour", "90m",
        (_owner("route"), "0x30 1x60"), (_owner("route", "_breached"), "0x30 1x60"),
    ),
    _case(
        "TouchbackAlertDeliveryBurn", False, "it was bad, and is over", "150m",
        (_owner("route"), "0+1x150"), (_owner("route", "_breached"), "0+1x30 30x120"),
        select='window="1h"',
    ),
    _case(
        "TouchbackAlertDeliveryBurn", False, "two replicas show the same counter", "90m",
        (_owner("route"), "0+2x90"), (_owner("route", "_breached"), "0x30 0+0.04x60"),
        (_owner("route", instance="b"), "0+2x90"),
        (_owner("route", "_breached", instance="b"), "0x30 0+0.04x60"),
        select='window="1h"',
    ),
    _case(
        "TouchbackFirstContactBurn", True, "most customers of one team wait too long", "10h",
        (_owner("contact"), "0+1x600"), (_owner("contact", "_breached"), "0+0.8x600"),
        (_owner("contact", team="calm"), "0+1x600"),
        (_owner("contact", "_breached", team="calm"), "0x600"),
        select='team="care", window="6h"',
    ),
    _case(
        "TouchbackFirstContactBurn", False, "the other team keeps its promise", "10h",
        (_owner("contact", team="calm"), "0+1x600"),
        (_owner("contact", "_breached", team="calm"), "0+0.05x600"),
    ),
    _case(
        "TouchbackDecisionBurn", True, "decisions come late for half an hour", "90m",
        (_ask("decision_deadlines"), "0+10x90"),
        (_ask("decision_deadlines_breached"), "0x60 0+9x30"), select='window="1h"',
    ),
    _case(
        "TouchbackDecisionBurn", False, "one in two hundred is late", "90m",
        (_ask("decision_deadlines"), "0+10x90"),
        (_ask("decision_deadlines_breached"), "0+0.05x90"),
    ),
    _case(
        "TouchbackSurveyAvailableBurn", True, "one page in ten is an error", "90m",
        (_page("200"), "0+90x90"), (_page("500"), "0+10x90"), select='window="1h"',
    ),
    _case(
        "TouchbackSurveyAvailableBurn", False, "what a browser did wrong", "90m",
        (_page("200"), "0+90x90"), (_page("404"), "0+10x90"),
    ),
    _case(
        "TouchbackSurveyFastBurn", True, "half of the pages are slow", "90m",
        (_page("200"), "0+90x90"), (_page("200", "bucket", ', le="0.5"'), "0+45x90"),
        select='window="1h"',
    ),
    _case(
        "TouchbackSurveyFastBurn", False, "all pages are fast", "90m",
        (_page("200"), "0+90x90"), (_page("200", "bucket", ', le="0.5"'), "0+90x90"),
    ),
    _case(
        "TouchbackAccountedBurn", True, "moments are lost for days", "80h",
        (_ask("decision_deadlines"), "0+10x4800"), (_ask("decisions_overdue"), "0+0.02x4800"),
        select='window="3d"',
    ),
    _case(
        "TouchbackAccountedBurn", False, "two of fifty thousand came very late", "80h",
        (_ask("decision_deadlines"), "0+10x4800"), (_ask("decisions_overdue"), "0x100 2x4700"),
    ),
    _case("TouchbackPromiseUnmeasured", True, "nothing is there", "20m", select='slo="decision"'),
    _case(
        "TouchbackPromiseUnmeasured", False, "nothing happened, which is measured", "20m",
        (_ask("decision_deadlines"), "0x20"), select='slo="decision"',
    ),
    # --- causes ---
    _case(
        "TouchbackTargetAbsent", True, "it answers no more", "10m",
        (UP[0], "1x3 0x7"), select='job="touchback-route"',
    ),
    _case(
        "TouchbackTargetAbsent", False, "one replica of two is gone", "10m",
        (UP[0], "1x10"), ('up{job="touchback-route", instance="b"}', "0x10"),
        select='job="touchback-route"',
    ),
    _case("TouchbackCollectorStale", True, "nobody read the tables", "10m", (COLLECTED, "60x10")),
    _case(
        "TouchbackCollectorStale", False, "each scrape read them", "10m", (COLLECTED, "0+60x10")
    ),
    _case(
        "TouchbackConsumerStalled", True, "records wait and none is taken", "30m",
        (LAG, "5x30"), (TAKEN, "100x30"),
    ),
    _case(
        "TouchbackConsumerStalled", False, "many wait, and they are taken", "30m",
        (LAG, "90000x30"), (TAKEN, "0+500x30"),
    ),
    _case(
        "TouchbackEventsTooOld", True, "the oldest record waits for longer and longer", "20m",
        (_moment("consumer_oldest_pending", WAITS), "0x20"),
    ),
    _case(
        "TouchbackEventsTooOld", False, "what waits is a minute old", "20m",
        (_moment("consumer_oldest_pending", WAITS), "0+60x20"),
    ),
    _case(
        "TouchbackSourcePaused", True, "a source is left alone", "20m",
        (PAUSED, "1x20"),
    ),
    _case(
        "TouchbackSourcePaused", False, "it was only a moment", "20m",
        (PAUSED, "1x3 0x17"),
    ),
    _case(
        "TouchbackDeadLettersGrowing", True, "ten within the hour", "60m",
        (DEAD % "a", "0x50 0+1x10"),
    ),
    _case(
        "TouchbackDeadLettersGrowing", False, "four, which two replicas show alike", "60m",
        (DEAD % "a", "0x50 4x10"), (DEAD % "b", "0x50 4x10"),
    ),
    _case("TouchbackOutboxStuck", True, "a message waits", "10m",
          (_moment("outbox_oldest_pending"), "0x10")),
    _case("TouchbackOutboxStuck", False, "each waits but a moment", "10m",
          (_moment("outbox_oldest_pending"), "0+60x10")),
    _case("TouchbackOutboxRefused", True, "one is too large", "10m",
          (f"touchback_outbox_refused_messages{ROUTE}", "1x10")),
    _case("TouchbackOutboxRefused", False, "none is", "10m",
          (f"touchback_outbox_refused_messages{ROUTE}", "0x10")),
    _case("TouchbackTimersLate", True, "a timer is due and nobody comes", "10m",
          (_moment("oldest_due_timer"), "0x10")),
    _case("TouchbackTimersLate", False, "nothing is due", "10m",
          (_moment("oldest_due_timer"), "_x10")),
    _case("TouchbackAuditorSilent", True, "it looked last long ago", "20m",
          (AUDITED, "0x20"), (UP[1], "1x20")),
    _case("TouchbackAuditorSilent", True, "it never looked", "20m", (UP[1], "1x20")),
    _case("TouchbackAuditorSilent", False, "it looks twice a minute", "20m",
          (AUDITED, "0+60x20"), (UP[1], "1x20")),
    _case("TouchbackCaseWithoutTimer", True, "one was found", "10m",
          (f"touchback_cases_without_timer_total{CLOSE}", "0x5 1x5")),
    _case("TouchbackCaseWithoutTimer", False, "one was found long ago", "60m",
          (f"touchback_cases_without_timer_total{CLOSE}", "0 1x60")),
    _case("TouchbackChannelBroken", True, "nothing gets through", "30m",
          (TRIED, "0+1x30"), (FAILED, "0+1x30")),
    _case("TouchbackChannelBroken", False, "one of three fails", "30m",
          (TRIED, "0+3x30"), (FAILED, "0+1x30")),
    _case("TouchbackChannelRefuses", True, "one of many chats is gone", "10m",
          (REFUSING % ("slack", "broken"), "0x3 1x7"), (REFUSING % ("email", "broken"), "0x10"),
          select='channel="slack"'),
    _case("TouchbackChannelRefuses", False, "it was let in again", "10m",
          (REFUSING % ("slack", "broken"), "1x3 0x7")),
    _case("TouchbackCatalogReloadFailed", True, "the catalog is broken", "5m",
          (f"touchback_catalog_reload_failed{ROUTE}", "1x5")),
    _case("TouchbackCatalogReloadFailed", False, "it was half-way written", "5m",
          (f"touchback_catalog_reload_failed{ROUTE}", "1 0x5")),
    _case("TouchbackRulesFailing", True, "a rule fails again and again", "60m",
          (f"touchback_rule_errors_total{ROUTE}", "0x50 0+1x10")),
    _case("TouchbackRulesFailing", False, "it failed once", "60m",
          (f"touchback_rule_errors_total{ROUTE}", "0x50 1x10")),
    _case("TouchbackDatabasePoolFull", True, "all are lent", "10m",
          (POOL, "10x10"), (POOL_MAX, "10x10")),
    _case("TouchbackDatabasePoolFull", False, "most are", "10m",
          (POOL, "9x10"), (POOL_MAX, "10x10")),
    _case("TouchbackClockAhead", True, "two minutes ahead", "10m", (COLLECTED, "120+60x10")),
    _case("TouchbackClockAhead", False, "a few seconds ahead", "10m", (COLLECTED, "5+60x10")),
    _case("TouchbackCasesOverdue", True, "a case is overdue", "10m",
          (f'touchback_cases_overdue{CLOSE[:-1]}, team="care", priority="high"}}', "1x10"),
          select='team="care"'),
    _case("TouchbackCasesOverdue", False, "none is, of two priorities with open cases", "10m",
          (f'touchback_cases_overdue{CLOSE[:-1]}, team="care", priority="high"}}', "0x10"),
          (f'touchback_cases_overdue{CLOSE[:-1]}, team="care", priority="low"}}', "0x10")),
    _case("TouchbackCasesOverdue", True, "cases of two priorities are one alert", "10m",
          (f'touchback_cases_overdue{CLOSE[:-1]}, team="care", priority="high"}}', "2x10"),
          (f'touchback_cases_overdue{CLOSE[:-1]}, team="care", priority="low"}}', "3x10")),
    _case("TouchbackWatchdog", True, "always", "1m"),
)  # fmt: skip
NEVER_QUIET = {"TouchbackWatchdog"}
