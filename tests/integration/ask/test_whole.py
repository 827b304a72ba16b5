"""The whole service on a real broker: a signal on its topic becomes a mail, and is said to be."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.ask import contacts
from services.ask.app import MIGRATIONS, build
from services.ask.settings import Settings
from shared import kafka as broker
from shared import migrate, topics
from shared.clock import SystemClock
from shared.contracts.envelope import Event, encode
from shared.contracts.signals import Profile, Signal
from shared.pii import Pii
from shared.runtime import Runtime
from tests.support.catalogs import catalog_files, write_catalog
from tests.support.sinks import MailSink
from tests.support.wait import eventually
from tests.unit.ask.moments import FILES, a_profile, a_signal, an_event


async def test_a_signal_becomes_a_mail_and_three_messages(
    kafka: str, database: str, mail_sink: MailSink, tmp_path: Path
) -> None:
    customer, now = f"c-{uuid4()}", SystemClock().now()
    settings = Settings.load(
        {
            "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "TOUCHBACK_POSTGRES_DSN": database,
            "TOUCHBACK_CATALOG": str(write_catalog(tmp_path, catalog_files(FILES))),
            "TOUCHBACK_SMTP_URL": f"smtp://127.0.0.1:{mail_sink.port}",
            "TOUCHBACK_LINK_KEYS": "k" * 32,
            "TOUCHBACK_PII_KEYS": "p" * 32,
        }
    )
    await migrate.apply(database, "ask", MIGRATIONS)
    await broker.create_topics(settings, ())
    runtime = build(settings, SystemClock())
    app = runtime.application()
    async with app.router.lifespan_context(app):
        profile = a_profile(Pii(("p" * 32,)).encrypt("kim@example.com"), customer, now)
        await publish(kafka, profile)
        await eventually(lambda: _has_card(runtime, customer), within=60)
        await publish(kafka, a_signal(str(uuid4()), customer=customer, at=now))
        await eventually(lambda: len(mail_sink.mails) == 1, within=30)
        said = await heard(kafka, customer, 3)
    assert sorted(said) == [
        "touchback.decision.v1",
        "touchback.invitation.scheduled.v1",
        "touchback.invitation.sent.v1",
    ]


async def _has_card(runtime: Runtime, customer: str) -> bool:
    async with runtime.database.connection() as connection:
        return customer in await contacts.cards(connection, [customer])


async def publish(kafka: str, body: Signal | Profile) -> None:
    """Put a message onto its topic, as `listen` does."""
    event: Event = an_event(body)
    headers, value = encode(event)
    topic = topics.SIGNALS if isinstance(body, Signal) else topics.PROFILES
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        key = body.customer_id.encode()
        await producer.send_and_wait(topic, value=value, key=key, headers=headers)
    finally:
        await producer.stop()


async def heard(kafka: str, customer: str, count: int) -> list[str]:
    """The types of the messages about a customer, once there are so many."""
    consumer = AIOKafkaConsumer(
        topics.DECISIONS,
        topics.INVITATIONS,
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found: list[str] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < count:
                record = await consumer.getone()
                if record.key == customer.encode():
                    found.append(dict(record.headers)["ce_type"].decode())
    finally:
        await consumer.stop()
    return found
