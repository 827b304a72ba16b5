"""The composition of `route`: the only file that builds its parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client.metrics_core import Metric

from services.route import decide, erasure, metrics, policy, retention, store
from services.route.channels.alertmanager import AlertmanagerSender
from services.route.channels.links import ActionLinks
from services.route.channels.long_tail import AppriseSender
from services.route.channels.mail import MailSender
from services.route.channels.pagerduty import PagerDutySender
from services.route.channels.slack import SlackSender
from services.route.channels.teams import TeamsSender
from services.route.channels.webhook import WebhookSender
from services.route.handlers import Handlers
from services.route.http import SILENCE_OVER, Api
from services.route.outbound import Outbound
from services.route.settings import Settings
from services.route.summaries import Summaries
from services.route.sweep import Deliveries, refresh, silence_over
from shared import db, topics
from shared.catalog import Catalog
from shared.clock import Clock, monotonic
from shared.erasure import Guard, parse
from shared.errors import InvalidSettings
from shared.outbound import Poster
from shared.runtime import Runtime

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings, clock: Clock) -> Runtime:
    """Compose the service; raises when the catalog is broken or names a secret that is not set."""
    runtime = Runtime("route", settings, clock, MIGRATIONS)
    holder = runtime.catalog()
    require_secrets(holder.current, settings)

    def catalog() -> Catalog:
        return holder.current

    handlers = Handlers(catalog, settings.console_url)
    outbound = outbound_of(settings, catalog)
    routed = metrics.Routed(catalog)
    deliveries = Deliveries(
        database=runtime.database,
        wake=runtime.wake,
        clock=clock,
        outbound=outbound,
        catalog=catalog,
        chance=random.random,
        console_url=settings.console_url,
        routed=routed,
        took=metrics.outcomes(runtime.registry),
    )
    runtime.consume(
        [topics.RESPONSES, topics.CASES, topics.DECISIONS, topics.PROFILES],
        parse=parse,
        handle=Guard(handlers.handle, erasure.erase, erasure.take_back),
    )
    runtime.keep(retention.rules(lambda: catalog().policy.retention))
    runtime.worker("deliveries", deliveries.run)
    summaries = Summaries(runtime.database, clock, catalog, settings.console_url)
    runtime.worker("summaries", summaries.run)
    runtime.timers({SILENCE_OVER: silence_over, policy.REFRESHED: refresh})
    api = Api(
        runtime.database,
        settings.api_tokens,
        clock,
        catalog,
        settings.console_url,
        runtime.wake,
    )
    runtime.routes(api.routes())
    runtime.tallies(lambda: metrics.tallies(catalog()))
    runtime.gauges(routed.gauge)

    async def refusing(connection: db.Connection, now: datetime) -> Sequence[Metric]:
        return [metrics.refusing(decide.standings(catalog(), await store.refusals(connection)))]

    runtime.gauges(refusing)
    return runtime


def outbound_of(settings: Settings, catalog: Callable[[], Catalog]) -> Outbound:
    """Return what sends alerts: one sender for each kind of channel."""
    secrets = settings.channel_secrets
    poster = Poster(settings.outbound_allow)
    keys = settings.link_keys
    links = ActionLinks(keys, settings.close_public_url) if keys else None
    mail = MailSender(settings.smtp_url, settings.mail_from, monotonic, links)
    return Outbound(
        catalog,
        {
            "webhook": WebhookSender(secrets, poster),
            "email": mail,
            "slack": SlackSender(secrets, poster),
            "teams": TeamsSender(secrets, poster),
            "pagerduty": PagerDutySender(secrets, poster),
            "alertmanager": AlertmanagerSender(secrets, poster),
            "apprise": AppriseSender(secrets, settings.outbound_allow),
        },
        (poster, mail),
    )


def require_secrets(catalog: Catalog, settings: Settings) -> None:
    """Raise InvalidSettings when a channel could never be used."""
    for team in catalog.teams:
        for channel in team.channels:
            if channel.secret and channel.secret not in settings.channel_secrets:
                raise InvalidSettings(
                    f"TOUCHBACK_CHANNEL_SECRETS: has no secret {channel.secret},"
                    f" which channel {channel.channel} of team {team.team} needs"
                )
