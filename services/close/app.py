"""The composition root: the only file that puts the parts of this service together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from prometheus_client.metrics_core import Metric

from services.close import metrics, policy, record, retention, store, sweep
from services.close.erasure import Eraser
from services.close.handlers import Handlers
from services.close.http import Acting, ActionLinks, Api, Figures, SlackActions
from services.close.settings import Settings
from shared import db, tallies, topics
from shared.clock import Clock
from shared.erasure import Guard, parse
from shared.links import Links
from shared.runtime import Runtime

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings, clock: Clock) -> Runtime:
    """Return the service, ready to run."""
    runtime = Runtime("close", settings, clock, MIGRATIONS)
    catalog = runtime.catalog()

    def current() -> policy.Policy:
        return policy.of(catalog.current)

    def zone() -> ZoneInfo:
        return ZoneInfo(catalog.current.policy.time_zone)

    auditor = sweep.Auditor(runtime.database, clock)

    async def gauges(connection: db.Connection, now: datetime) -> Sequence[Metric]:
        open_now = await store.open_now(connection, now, metrics.AGES)
        counts, unmarked = await tallies.read(connection), await store.unmarked(connection, now)
        return [
            *metrics.gauges(open_now, current()),
            *metrics.audited(auditor.clean_at),
            *metrics.deadlines(counts, unmarked, current()),
            *metrics.histograms(counts, current()),
        ]

    eraser = Eraser(current)
    runtime.consume(
        [topics.CASES, topics.ALERTS, topics.RESPONSES, topics.PROFILES],
        parse=parse,
        handle=Guard(Handlers(current).handle, eraser.erase, eraser.take_back),
    )
    runtime.keep(retention.rules(lambda: catalog.current.policy.retention))
    runtime.timers({record.CASE: sweep.Sweep(current).due})
    runtime.worker("audit", auditor.run)
    runtime.routes(Api(runtime.database, clock, settings.api_tokens, current).routes())
    figures = Figures(runtime.database, clock, settings.api_tokens, zone)
    runtime.routes(figures.routes())
    acting = Acting(runtime.database, clock, current)
    links = Links(settings.link_keys) if settings.link_keys else None
    runtime.routes(ActionLinks(acting, links, current).routes())
    secret, allowed = settings.slack_signing_secret, settings.outbound_allow
    runtime.routes(SlackActions(acting, clock, current, secret, allowed).routes())
    runtime.tallies(lambda: metrics.counters(current()))
    runtime.gauges(gauges)
    return runtime
