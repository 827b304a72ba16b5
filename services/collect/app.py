"""What `collect` is made of."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from services.collect import erasure, metrics, retention, store, sweep
from services.collect.handlers import Handlers
from services.collect.http.answers import Api
from services.collect.http.silence import SilenceApi
from services.collect.limits import Limits
from services.collect.pages.answers import AnswerPages
from services.collect.pages.feedback import FeedbackPages
from services.collect.pages.guard import lost
from services.collect.pages.render import Renderer
from services.collect.pages.stop import StopPages
from services.collect.pages.survey import SurveyPages
from services.collect.pages.turnstile import Turnstile
from services.collect.pages.visit import Visits
from services.collect.policy import Policy
from services.collect.settings import Settings
from shared import topics
from shared.catalog.catalog import Catalog
from shared.clock import Clock, monotonic
from shared.erasure import Guard
from shared.links import Links
from shared.runtime import Runtime

MIGRATIONS = Path(__file__).parent / "migrations"
SMALLER = [Middleware(GZipMiddleware, minimum_size=500)]
"""For files only: what a page says back to its reader is never compressed beside a secret."""


def policy_of(catalog: Catalog) -> Policy:
    """Take from the catalog what answers are judged by."""
    return Policy(
        touchpoints={each.touchpoint: each for each in catalog.touchpoints},
        surveys={each.survey: each for each in catalog.surveys},
        teams={each.team: each for each in catalog.teams},
        fallback=catalog.fallback_team,
        brand=catalog.policy.brand,
        time_zone=catalog.policy.time_zone,
        keep_for=catalog.policy.retention.responses,
        limits=catalog.policy.limits,
    )


def build(settings: Settings, clock: Clock) -> Runtime:
    """Compose the service."""
    runtime = Runtime("collect", settings, clock, MIGRATIONS)
    holder = runtime.catalog()

    taken: tuple[Catalog, Policy] | None = None

    def policy() -> Policy:
        nonlocal taken
        if taken is None or taken[0] is not holder.current:
            taken = (holder.current, policy_of(holder.current))
        return taken[1]

    handlers = Handlers(policy)
    links = Links(settings.link_keys)
    renderer = Renderer(policy)
    database = runtime.database
    limits = Limits(monotonic)
    proxies = [ip_network(each) for each in settings.trusted_proxies]
    turnstile = Turnstile(limits, policy, proxies, renderer)
    visits = Visits(database, clock, links, policy, renderer)
    runtime.consume(
        [topics.DECISIONS, topics.INVITATIONS, topics.ANSWERS, topics.CASES, topics.PROFILES],
        parse=handlers.parse,
        handle=Guard(handlers.handle, erasure.erase),
    )
    runtime.keep(retention.rules(lambda: holder.current.policy.retention))
    runtime.timers({store.FINAL: sweep.finish})
    runtime.routes(
        [
            # Programs come most often: theirs are looked through first.
            *Api(database, clock, settings, policy, limits).routes(),
            *turnstile.before(
                [
                    *SurveyPages(visits, metrics.Views(runtime.registry, policy())).routes(),
                    *AnswerPages(visits).routes(),
                    *StopPages(database, clock, links, renderer).routes(),
                    *FeedbackPages(database, clock, links, renderer).routes(),
                    *lost(renderer),
                ]
            ),
            *SilenceApi(database, clock, settings).routes(),
            Route("/static/collect.css", renderer.style, middleware=SMALLER),
            Route("/static/collect.js", renderer.script, middleware=SMALLER),
            Route("/static/icon.svg", renderer.icon),
            Route("/static/logo.svg", renderer.logo),
        ]
    )
    runtime.tallies(lambda: metrics.tallies(policy()))
    return runtime
