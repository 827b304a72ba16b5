"""The composition of `ask`: the only place that builds its parts."""

from __future__ import annotations

from pathlib import Path

from services.ask import metrics
from services.ask.channels.mail import Composer
from services.ask.channels.smtp import Mailer
from services.ask.handlers import Desk, parse
from services.ask.http import Api
from services.ask.record import DECIDE
from services.ask.rhythms import Walker
from services.ask.settings import Settings
from services.ask.sweep import Desk as MailDesk
from services.ask.sweep import Sender
from shared import topics
from shared.clock import Clock
from shared.links import Links
from shared.pii import Pii
from shared.runtime import Runtime

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings, clock: Clock) -> Runtime:
    """Put the service together; raises InvalidCatalog when the catalog is broken."""
    runtime = Runtime("ask", settings, clock, MIGRATIONS)
    holder = runtime.catalog()
    links = Links(settings.link_keys)
    delays = metrics.decision_delay(runtime.registry)
    desk = Desk(lambda: holder.current, links, settings.public_url, delays)
    heard = [topics.SIGNALS, topics.PROFILES, topics.RESPONSES, topics.CASES]
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
    walker = Walker(runtime.database, clock, lambda: holder.current, desk)
    runtime.worker("rhythms", walker.run)
    runtime.routes(Api(runtime.database, settings.api_tokens).routes())
    runtime.tallies(metrics.tallies(holder.current))
    return runtime
