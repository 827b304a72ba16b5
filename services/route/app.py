"""The composition of `route`: the only file that builds its parts."""

from __future__ import annotations

import random
from pathlib import Path

from services.route import metrics
from services.route.channels.mail import MailSender
from services.route.channels.webhook import WebhookSender
from services.route.handlers import Handlers
from services.route.http import Api
from services.route.outbound import Outbound
from services.route.settings import Settings
from services.route.sweep import Deliveries
from shared import topics
from shared.catalog import Catalog
from shared.clock import Clock, monotonic
from shared.consume import own_messages
from shared.errors import InvalidSettings
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
    outbound = Outbound(
        catalog,
        {
            "webhook": WebhookSender(settings.channel_secrets, settings.outbound_allow),
            "email": MailSender(settings.smtp_url, settings.mail_from, monotonic),
        },
    )
    deliveries = Deliveries(
        database=runtime.database,
        wake=runtime.wake,
        clock=clock,
        outbound=outbound,
        catalog=catalog,
        chance=random.random,
        time_to_route=metrics.time_to_route(runtime.registry, holder.current),
    )
    runtime.consume([topics.RESPONSES, topics.CASES], parse=own_messages, handle=handlers.handle)
    runtime.worker("deliveries", deliveries.run)
    runtime.routes(Api(runtime.database, settings.api_tokens).routes())
    runtime.tallies(metrics.tallies(holder.current))
    return runtime


def require_secrets(catalog: Catalog, settings: Settings) -> None:
    """Raise InvalidSettings when a webhook could never be signed."""
    for team in catalog.teams:
        for channel in team.channels:
            if channel.secret and channel.secret not in settings.channel_secrets:
                raise InvalidSettings(
                    f"TOUCHBACK_CHANNEL_SECRETS: has no secret {channel.secret},"
                    f" which channel {channel.channel} of team {team.team} signs with"
                )
