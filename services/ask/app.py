"""The composition of `ask`: the only place that builds its parts."""

from __future__ import annotations

import logging
from pathlib import Path

from services.ask import metrics
from services.ask.channels.mail import Composer
from services.ask.channels.smtp import Mailer
from services.ask.handlers import DECIDE, Desk, parse
from services.ask.http import Api
from services.ask.policy import not_decided
from services.ask.settings import Settings
from services.ask.sweep import Desk as MailDesk
from services.ask.sweep import Sender
from shared import topics
from shared.catalog.catalog import Catalog
from shared.clock import Clock
from shared.links import Links
from shared.pii import Pii
from shared.runtime import Runtime

_log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings, clock: Clock) -> Runtime:
    """Put the service together; raises InvalidCatalog when the catalog is broken."""
    runtime = Runtime("ask", settings, clock, MIGRATIONS)
    holder = runtime.catalog()
    links = Links(settings.link_keys)
    delays = metrics.decision_delay(runtime.registry)
    desk = Desk(lambda: holder.current, links, settings.public_url, delays)
    heard = [topics.SIGNALS, topics.PROFILES, topics.RESPONSES]
    runtime.consume(heard, parse=parse, handle=desk.hear)
    runtime.timers({DECIDE: desk.reconsider})
    mail = MailDesk(
        catalog=lambda: holder.current,
        links=links,
        pii=Pii(settings.pii_keys),
        mailer=Mailer(settings.smtp_url, settings.mail_from),
        composer=Composer(),
        public_url=settings.public_url,
        mail_from=settings.mail_from,
    )
    runtime.worker("sender", Sender(runtime.database, clock, runtime.wake, mail).run)
    runtime.routes(Api(runtime.database, settings.api_tokens).routes())
    runtime.tallies(metrics.tallies(holder.current))
    say_what_waits(holder.current)
    return runtime


def say_what_waits(catalog: Catalog) -> None:
    """Log each touchpoint that this release leaves alone: its silence must not be a riddle."""
    for touchpoint, needs in not_decided(catalog):
        extra = {"action": "touchpoint_not_decided", "touchpoint": touchpoint, "needs": needs}
        _log.info("this release decides nothing for this touchpoint", extra=extra)
