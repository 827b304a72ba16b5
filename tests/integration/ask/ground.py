"""What sends asks, over a real database and real servers, and what it came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import time

from aiosmtpd.smtp import SMTP, Envelope, Session
from prometheus_client import CollectorRegistry

from services.ask.channels.hook import HookChannel
from services.ask.channels.mail import Composer, MailChannel
from services.ask.channels.smtp import Mailer
from services.ask.channels.topic import TopicChannel
from services.ask.handlers import Desk as Decider
from services.ask.metrics import decision_delay
from services.ask.outbound import Outbound
from services.ask.sweep import Sender
from shared import db, tallies
from shared.catalog.catalog import Catalog
from shared.consume import Item
from shared.contracts.asks import Invitation
from shared.contracts.responses import OptOut, Response
from shared.contracts.signals import Profile, Signal
from shared.links import Links
from shared.outbound import Poster
from shared.pii import Pii
from shared.wake import Wake
from tests.support.clock import START, ManualClock
from tests.support.sinks import MailSink, WebhookSink
from tests.unit.ask.moments import FILES, a_catalog, a_profile, a_signal, an_event

KEYS = ("k" * 32,)

PII = Pii(KEYS)

URL = "http://feedback.example"

SECRET = "s" * 32

TOUCHPOINT = """\
- touchpoint: delivered
  stage: use
  on: {signal: order.delivered}
  survey: delivery
  channels: [%s]
"""


def a_sender(
    pool: db.Database,
    clock: ManualClock,
    mailer: Mailer,
    wake: Wake | None = None,
    composer: Composer | None = None,
) -> Sender:
    """A sender over the test catalog."""
    catalog = a_catalog()
    mails = MailChannel(composer or Composer("ask@shop.example"), mailer)
    outbound = Outbound(lambda: catalog, Links(KEYS), PII, {"email": mails}, URL)
    return Sender(pool, clock, wake or Wake(pool), outbound, "email")


async def plan(pool: db.Database, *customers: str, email: str = "{}@example.com") -> None:
    """Decide to ask these customers."""
    catalog = a_catalog()
    decider = Decider(lambda: catalog, Links(KEYS), URL, decision_delay(CollectorRegistry()))
    bodies: list[Signal | Profile] = []
    for name in customers:
        bodies += [a_profile(PII.encrypt(email.format(name)), name), a_signal(name, customer=name)]
    await tell(pool, decider, *bodies)


async def tell(
    pool: db.Database, decider: Decider, *bodies: Signal | Profile | OptOut | Response
) -> None:
    """Handle one batch."""
    events = [an_event(body) for body in bodies]
    items = [Item(event.source, event.id, event) for event in events]
    async with pool.transaction() as connection:
        await decider.hear(connection, items, START)


async def states(pool: db.Database) -> list[str]:
    """The state of each ask, by customer."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select state from invitations order by customer_id")
    return [row["state"] for row in rows]


async def events(pool: db.Database) -> list[str]:
    """What was said about asks after they were scheduled."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select type from outbox order by position")
    words = [row["type"].split(".")[2] for row in rows if "invitation" in row["type"]]
    return [word for word in words if word != "scheduled"]


async def said_of(pool: db.Database, word: str) -> Invitation:
    """The only ask as the message of that name has it."""
    query = "select payload from outbox where type = $1"
    async with pool.connection() as connection:
        found = await connection.fetchval(query, f"touchback.invitation.{word}.v1")
    return Invitation.model_validate_json(found)


async def failures(pool: db.Database) -> dict[tuple[str, ...], float]:
    """What was counted as not sent."""
    async with pool.connection() as connection:
        counts = await tallies.read(connection)
    return dict(counts.get("invitation_failures", {}))


class CountingSink(MailSink):
    """Counts connections, and runs `meanwhile` while a mail is being handed over."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    def _session(self) -> SMTP:
        self.connections += 1
        return super()._session()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.meanwhile:
            await self.meanwhile()
        return await super().handle_DATA(server, session, envelope)


@dataclass
class Post:
    """Everything that sends, against real servers."""

    pool: db.Database
    clock: ManualClock
    mails: MailSink
    hook: WebhookSink
    mailer: Mailer
    poster: Poster
    catalog: Catalog | None = None

    def use(self, channels: str, more: str = "", policy: str = "") -> None:
        """Ask about deliveries over these channels."""
        url = self.hook.url("/sms")
        outlets = f"channels:\n  sms: {{url: {url}, secret: sms}}\n"
        files = {
            "touchpoints.yaml": TOUCHPOINT % channels + more,
            "policy.yaml": FILES["policy.yaml"] + outlets + policy,
        }
        self.catalog = a_catalog(files)

    def hours(self, start: str, end: str) -> None:
        """Write to customers at these hours only."""
        assert self.catalog is not None
        window = self.catalog.policy.send_window.model_copy(
            update={"start": time.fromisoformat(start), "end": time.fromisoformat(end)}
        )
        policy = self.catalog.policy.model_copy(update={"send_window": window})
        self.catalog = self.catalog.model_copy(update={"policy": policy})

    def current(self) -> Catalog:
        assert self.catalog is not None
        return self.catalog

    def sender(self, channel: str) -> Sender:
        """The loop of one channel."""
        return Sender(self.pool, self.clock, Wake(self.pool), self.outbound(), channel)

    def outbound(self) -> Outbound:
        """What messages are made from, and all channels."""
        hooks = {
            name: HookChannel(
                lambda name=name: self.current().policy.channels.outlet(name),  # type: ignore[misc]
                {"sms": SECRET},
                self.poster,
            )
            for name in ("sms", "webhook")
        }
        mails = MailChannel(Composer("ask@shop.example"), self.mailer)
        every = {"email": mails, "kafka": TopicChannel(), **hooks}
        return Outbound(self.current, Links(KEYS), PII, every, URL)

    def desk(self) -> Decider:
        """What hears and decides."""
        return Decider(self.current, Links(KEYS), URL, decision_delay(CollectorRegistry()))

    async def plan(
        self, customer: str = "kim", *, phone: bool = True, about: str | None = None
    ) -> None:
        """Decide to ask."""
        number = PII.encrypt("+4915112345678") if phone else None
        card = a_profile(PII.encrypt(f"{customer}@example.com"), customer, phone=number)
        event = a_signal(customer, customer=customer, correlation=about)
        await tell(self.pool, self.desk(), card, event)

    async def invitation(self) -> str:
        """The id of the only ask."""
        async with self.pool.connection() as connection:
            return str(await connection.fetchval("select invitation_id from invitations"))

    async def reminder(self) -> str | None:
        """The state of the reminder of the only ask."""
        async with self.pool.connection() as connection:
            found: str | None = await connection.fetchval("select reminder from invitations")
        return found
