"""Effort on a real broker and database, by the rules of the example catalog: cases without asking,
and a mail ahead of the complaint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from services.ask.app import MIGRATIONS, build
from services.ask.settings import Settings
from shared import kafka as broker
from shared import migrate, topics
from shared.clock import SystemClock
from shared.contracts.asks import Decision
from shared.contracts.envelope import decode
from shared.pii import Pii
from tests.integration.ask.test_whole import _has_card, publish
from tests.support.sinks import MailSink
from tests.support.stack import PROJECT
from tests.support.wait import eventually
from tests.unit.ask.moments import a_profile, a_signal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPENED, ANSWERED = "support.ticket.opened", "support.ticket.answered"
PASSED, AGAIN = "support.ticket.transferred", "support.ticket.reopened"
LATE = "ordering.order.delayed"
Moments = Sequence[tuple[str, timedelta, str]]

LIVES: Mapping[str, tuple[Moments, dict[str, str]]] = {
    "comes back": (
        [(OPENED, n * HOUR, f"t{n}") for n in (3, 2, 1)],
        {"repeat-contact": "case"},
    ),
    "is handed on": ([(PASSED, 2 * HOUR, "t"), (PASSED, HOUR, "t")], {"passed-around": "case"}),
    "waits": ([(OPENED, 2 * DAY + HOUR, "t")], {"long-wait": "case"}),
    "was answered": (
        [(ANSWERED, DAY, "t"), (OPENED, 2 * DAY + HOUR, "t")],
        {"long-wait": "not_eligible"},
    ),
    "asks again": ([(AGAIN, HOUR, "t")], {"not-solved": "case"}),
    "was promised": ([(LATE, HOUR, "o")], {"order-late": "notify"}),
}
"""What happened how long ago and about what, and what is decided about it."""


async def test_effort_opens_cases_and_a_broken_promise_is_told_by_mail(
    kafka: str, database: str, mail_sink: MailSink
) -> None:
    run, now = uuid4(), SystemClock().now()
    settings = Settings.load(
        {
            "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "TOUCHBACK_POSTGRES_DSN": database,
            "TOUCHBACK_CATALOG": str(PROJECT / "deploy" / "catalog"),
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
        promised = f"was promised {run}"
        card = a_profile(Pii(("p" * 32,)).encrypt("kim@example.com"), promised, now, locale="zh")
        await publish(kafka, card)
        await eventually(lambda: _has_card(runtime, promised), within=60)
        for who, (moments, _) in LIVES.items():
            for name, ago, about in moments:
                event = f"{run}/{who}/{name}/{ago}"
                at = now - ago
                told = a_signal(event, customer=f"{who} {run}", name=name, at=at, correlation=about)
                await publish(kafka, told)
        wanted = {f"{who} {run}": found for who, (_, found) in LIVES.items()}
        assert await decided(kafka, wanted) == wanted
        await eventually(lambda: len(mail_sink.mails) == 1, within=30)
    assert "您的订单将晚于承诺的时间送达" in str(mail_sink.mails[0].message["Subject"])


async def decided(kafka: str, wanted: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What was decided about these customers, in a word each, once there is as much as wanted."""
    found: dict[str, dict[str, str]] = {}
    consumer = AIOKafkaConsumer(
        topics.DECISIONS, bootstrap_servers=kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            while sum(map(len, found.values())) < sum(map(len, wanted.values())):
                record = await consumer.getone()
                headers = {name: value.decode() for name, value in record.headers}
                event = decode(headers, record.value)
                if event and event.subject in wanted and isinstance(event.body, Decision):
                    word = event.body.silence or event.body.outcome
                    found.setdefault(event.subject, {})[event.body.touchpoint] = word
    finally:
        await consumer.stop()
    return found
