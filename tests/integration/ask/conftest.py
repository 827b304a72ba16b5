"""The schema of ask, and its ways out to real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.ask.app import MIGRATIONS
from services.ask.channels.smtp import Mailer
from shared import db, migrate
from shared.outbound import Poster
from tests.integration.ask.ground import Post
from tests.support.clock import ManualClock
from tests.support.sinks import MailSink, WebhookSink


@pytest.fixture
async def pool(database: str) -> AsyncIterator[db.Database]:
    await migrate.apply(database, "ask", MIGRATIONS)
    opened = db.Database(database, "ask")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def mailer(mail_sink: MailSink) -> AsyncIterator[Mailer]:
    one = Mailer(f"smtp://127.0.0.1:{mail_sink.port}", "ask@shop.example")
    yield one
    await one.close()


@pytest.fixture
async def post(
    pool: db.Database, clock: ManualClock, mail_sink: MailSink, mailer: Mailer
) -> AsyncIterator[Post]:
    poster = Poster(["127.0.0.0/8"])
    async with WebhookSink() as hook:
        yield Post(pool, clock, mail_sink, hook, mailer, poster)
        await poster.close()
