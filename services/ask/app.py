"""The composition of `ask`: the only place that builds its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client.metrics_core import Metric

from services.ask import contacts, lives, metrics, retention
from services.ask.channels.hook import HookChannel
from services.ask.channels.mail import Composer, MailChannel
from services.ask.channels.smtp import Mailer
from services.ask.channels.topic import TopicChannel
from services.ask.expiry import Expiry
from services.ask.handlers import Desk, parse
from services.ask.http import Api
from services.ask.http.budget import BudgetApi
from services.ask.http.customers import CustomerApi
from services.ask.http.deliveries import DeliveryApi
from services.ask.http.once import Door
from services.ask.http.opt_outs import OptOutApi
from services.ask.letters import Channel
from services.ask.model import DECIDE
from services.ask.outbound import Outbound
from services.ask.reports import Reports
from services.ask.rhythms import Walker
from services.ask.settings import Settings
from services.ask.sweep import Sender
from shared import db, topics
from shared.catalog.catalog import Catalog
from shared.clock import Clock
from shared.erasure import Guard
from shared.errors import InvalidSettings
from shared.links import Links
from shared.outbound import Poster
from shared.pii import Pii
from shared.runtime import Runtime
from shared.tallies import read as read_tallies

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings, clock: Clock) -> Runtime:
    """Put the service together; raises InvalidCatalog when the catalog is broken."""
    runtime = Runtime("ask", settings, clock, MIGRATIONS)
    holder = runtime.catalog()
    links = Links(settings.link_keys)
    delays = metrics.decision_delay(runtime.registry, holder.current)
    desk = Desk(lambda: holder.current, links, settings.public_url, delays)
    heard = [topics.SIGNALS, topics.PROFILES, topics.RESPONSES, topics.CASES]
    runtime.keep(retention.rules(lambda: holder.current))
    runtime.timers({DECIDE: desk.reconsider})
    pii, tokens = Pii(settings.pii_keys), settings.api_tokens
    outbound = Outbound(
        catalog=lambda: holder.current,
        links=links,
        pii=pii,
        channels=channels(settings, lambda: holder.current),
        public_url=settings.public_url,
    )
    hear = Reports(outbound, desk.hear)
    runtime.consume(heard, parse=parse, handle=Guard(hear, contacts.erase))
    for name in outbound.channels:
        sender = Sender(runtime.database, clock, runtime.wake, outbound, name)
        runtime.worker(f"sender-{name}", sender.run)
    door = Door(runtime.database, tokens, clock)
    runtime.routes(Api(runtime.database, tokens).routes())
    runtime.routes(CustomerApi(door, pii).routes())
    runtime.routes(OptOutApi(door, lambda: holder.current).routes())
    runtime.routes(BudgetApi(door, lambda: holder.current).routes())
    runtime.routes(DeliveryApi(door, outbound).routes())
    walker = Walker(runtime.database, clock, lambda: holder.current, desk)
    runtime.worker("rhythms", walker.run)
    runtime.worker("expiry", Expiry(runtime.database, clock).run)
    runtime.tallies(lambda: metrics.tallies(holder.current))

    async def deadlines(connection: db.Connection, now: datetime) -> Sequence[Metric]:
        waiting = {
            name: await lives.undecided(connection, now - timedelta(seconds=seconds))
            for name, seconds in metrics.DEADLINES.items()
        }
        return metrics.deadlines(await read_tallies(connection), waiting, holder.current)

    runtime.gauges(deadlines)
    return runtime


def channels(settings: Settings, catalog: Callable[[], Catalog]) -> dict[str, Channel]:
    """Return every way to reach customers; raises InvalidSettings when a secret is missing."""
    for name in ("sms", "webhook"):
        secret = catalog().policy.channels.outlet(name).secret
        if secret and secret not in settings.channel_secrets:
            raise InvalidSettings(
                f"TOUCHBACK_CHANNEL_SECRETS: has no secret {secret},"
                f" which the channel {name} of policy.yaml signs with"
            )

    def hook(name: str) -> HookChannel:
        poster = Poster(settings.outbound_allow)
        outlet = lambda: catalog().policy.channels.outlet(name)  # noqa: E731
        return HookChannel(outlet, settings.channel_secrets, poster)

    mailer = Mailer(settings.smtp_url, settings.mail_from)
    return {
        "email": MailChannel(Composer(settings.mail_from), mailer),
        "sms": hook("sms"),
        "webhook": hook("webhook"),
        "kafka": TopicChannel(),
    }
