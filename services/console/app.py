"""The composition root: the only file that puts the parts of this service together."""

from __future__ import annotations

from pathlib import Path

from starlette.routing import Route

from services.console import erasure, handlers, http, retention
from services.console.live import Live
from services.console.outbound import Close, Sources
from services.console.pages import Pages
from services.console.settings import Settings
from shared import topics
from shared.clock import Clock
from shared.erasure import Guard, parse
from shared.links import Links
from shared.runtime import Runtime

MIGRATIONS = Path(__file__).parent / "migrations"
TOPICS = (
    topics.CASES,
    topics.ALERTS,
    topics.DECISIONS,
    topics.INVITATIONS,
    topics.RESPONSES,
    topics.PROFILES,
)


def build(settings: Settings, clock: Clock) -> Runtime:
    """Return the service, ready to run."""
    runtime = Runtime("console", settings, clock, MIGRATIONS)
    catalog = runtime.catalog()
    sources = Sources(settings.listen_url, settings.api_token)
    pages = Pages(
        runtime.database,
        clock,
        Close(settings.close_url, settings.api_token),
        Links(settings.link_keys),
        lambda: catalog.current,
        lambda: sources.paused,
        secure=settings.console_url.startswith("https:"),
    )
    live = Live(runtime.wake)
    guard = Guard(handlers.handle, erasure.erase, erasure.take_back)
    runtime.consume(TOPICS, parse=parse, handle=guard)
    runtime.keep(retention.rules(lambda: catalog.current.policy.retention))
    runtime.worker("live", live.run)
    runtime.worker("sources", sources.run)
    runtime.routes(routes(pages, live, http.Summary(runtime.database, clock)))
    return runtime


def routes(pages: Pages, live: Live, summary: http.Summary) -> list[Route]:
    """Return what is served, pages first."""
    return [
        Route("/", pages.inbox),
        Route("/cases/{case_id}", pages.case),
        Route("/cases/{case_id}/{step}", pages.act, methods=["POST"]),
        Route("/customers/{customer_id:path}", pages.customer),
        Route("/you", pages.name, methods=["POST"]),
        Route("/live", live.stream),
        Route("/v1/summary", summary.get),
        Route("/static/console.css", http.stylesheet),
        Route("/static/live.js", http.script),
    ]
