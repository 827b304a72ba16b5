"""The composition root: the only file that puts the parts of this service together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.routing import Route

from services.console import erasure, handlers, http, retention
from services.console.door import Door, Guard, Rules
from services.console.live import Live
from services.console.outbound import Acting, Close, Sources
from services.console.pages import Acts, Cases, Causes, Doorway, Journey, Paper
from services.console.settings import Settings
from shared import db, topics
from shared.catalog import Catalog
from shared.clock import Clock
from shared.erasure import Guard as Erasing
from shared.erasure import parse
from shared.links import Links
from shared.runtime import Runtime
from shared.settings import Tokens

_log = logging.getLogger(__name__)
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
    door = Door(
        rules(settings), Links(settings.link_keys), clock, lambda: known_as(catalog.current)
    )
    paper = Paper(
        runtime.database,
        clock,
        door,
        lambda: catalog.current,
        secure=settings.console_url.startswith("https:"),
    )
    if not door.required:
        extra = {"action": "no_sign_in", "answers_to": settings.console_url}
        _log.warning("nobody signs in here: keep this address on loopback", extra=extra)
    live = Live(runtime.wake)
    guard = Erasing(handlers.handle, erasure.erase, erasure.take_back)
    runtime.consume(TOPICS, parse=parse, handle=guard)
    runtime.keep(retention.rules(lambda: catalog.current.policy.retention))
    runtime.worker("live", live.run)
    runtime.worker("sources", sources.run)
    cases = Cases(paper, lambda: sources.paused)
    close = Close(settings.close_url, settings.api_token)
    inside = [
        *pages(paper, cases, close),
        *figures(paper, runtime.database, clock),
        Route("/live", live.stream),
    ]
    runtime.routes(routes(inside, paper, door, settings.api_tokens))
    return runtime


def rules(settings: Settings) -> Rules:
    """Return whom the door lets in."""
    return Rules(
        settings.console_sign_in == "required",
        settings.console_users,
        [ip_network(each) for each in settings.console_proxies],
        settings.console_proxy_header,
        frozenset({"localhost", "127.0.0.1", "::1", urlsplit(settings.console_url).hostname or ""}),
    )


def known_as(catalog: Catalog) -> Mapping[str, str]:
    """Return by mail address what members of teams are called on cases."""
    members = (each for team in catalog.teams for each in team.members)
    return {each.email.lower(): each.member for each in members if each.email}


def pages(paper: Paper, cases: Cases, close: Acting) -> list[Route]:
    """Return the pages, the inbox first."""
    acts, causes = Acts(paper, cases, close), Causes(paper, close)
    return [
        Route("/", cases.inbox),
        Route("/cases/{case_id}", cases.case),
        Route("/cases/{case_id}/{step}", acts.act, methods=["POST"]),
        Route("/customers/{customer_id:path}", cases.customer),
        Route("/causes", causes.show),
        Route("/causes/fixed", causes.fixed, methods=["POST"]),
        Route("/you", acts.name, methods=["POST"]),
    ]


def figures(paper: Paper, database: db.Database, clock: Clock) -> list[Route]:
    """Return what counts, for people and for programs."""
    return [
        Route("/journey", Journey(paper, clock).show),
        *http.Figures(database, clock, paper.catalog).routes(),
    ]


def routes(inside: list[Route], paper: Paper, door: Door, tokens: Tokens) -> list[Route]:
    """Return what is served: what is `inside` to those only whom the door knows."""
    doorway = Doorway(paper, door)
    guard = Middleware(Guard, door=door, tokens=tokens, turned_away=doorway.turned_away)
    return [
        *(
            Route(each.path, each.endpoint, methods=each.methods, middleware=[guard])
            for each in [*inside, Route("/sign-out", doorway.leave, methods=["POST"])]
        ),
        Route("/sign-in", doorway.show),
        Route("/sign-in", doorway.enter, methods=["POST"]),
        Route("/static/console.css", http.stylesheet),
        Route("/static/live.js", http.script),
    ]
