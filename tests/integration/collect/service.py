"""The service with its database and pages, without Kafka: batches are handed to its handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.collect import store, sweep
from services.collect.app import build, policy_of
from services.collect.handlers import Handlers
from services.collect.settings import Settings
from shared import db, outbox, tallies, timers, topics
from shared.catalog.loader import load
from shared.consume import Consumer
from shared.contracts import asks
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event, decode
from shared.contracts.responses import OptOut, Response
from shared.contracts.signals import Answer
from shared.links import Links
from shared.pulse import Pulse
from shared.records import Record
from shared.runtime import Runtime
from shared.wake import Wake
from tests.support.clock import START, ManualClock
from tests.unit.collect.facts import CATALOG, an_invitation

KEY = "k" * 32
TOKEN = "a-token-of-the-api"
OTHERS = "a-token-of-somebody-else"
TABLES = (
    "invitations",
    "responses",
    "opt_outs",
    "cases",
    "feedback",
    "outbox",
    "timers",
    "tallies",
    "inbox",
)


def told(**changes: Any) -> asks.Invitation:
    """The example invitation as `ask` publishes it."""
    facts = an_invitation(**changes)
    names = {each for each in asks.Invitation.model_fields if hasattr(facts, each)}
    return asks.Invitation(
        decision_id="d-1",
        survey_url="https://ask.example/s/x",
        **{name: getattr(facts, name) for name in names},
    )


def answered(**changes: Any) -> Answer:
    """An answer that another tool took."""
    facts = {
        "answer_id": "a-1",
        "source": "survey-tool",
        "touchpoint": "support-closed",
        "customer_id": "c-1",
        "score": 2,
        "answered_at": START,
    }
    return Answer(**{**facts, **changes})


SPEAKERS = {asks.Decision: "ask", asks.Invitation: "ask", Answer: "listen", CaseEvent: "route"}


def record(
    body: asks.Decision | asks.Invitation | Answer | CaseEvent, type: str, id: str, offset: int = 0
) -> Record:
    """A message as it lies on its topic."""
    service = SPEAKERS[body.__class__]
    message = outbox.event(
        service=service, type=type, body=body, customer_id=body.customer_id, at=START, id=id
    )
    return Record(message.topic, 0, offset, 0, message.key, message.payload, tuple(message.headers))


@dataclass
class Collect:
    """The service under test."""

    runtime: Runtime
    consumer: Consumer[Event]
    browser: httpx.AsyncClient
    clock: ManualClock
    token: str

    @property
    def page(self) -> str:
        """The link in the mail."""
        return f"/s/{self.token}"

    async def invite(self, state: str = "sent", id: str = "e-1", **changes: Any) -> None:
        """Let an invitation arrive."""
        await self.consumer.take([record(told(**changes), f"touchback.invitation.{state}.v1", id)])

    async def hear(self, *answers: Answer, offset: int = 0) -> None:
        """Let answers of another tool arrive in one batch."""
        await self.consumer.take(
            [
                record(each, "touchback.answer.v1", f"e-{each.answer_id}", offset + at)
                for at, each in enumerate(answers)
            ]
        )

    async def hear_cases(self, *events: CaseEvent) -> None:
        """Let `route` and `close` say who has a case, in one batch."""
        await self.consumer.take(
            [
                record(each, "touchback.case.opened.v1", f"{each.case_id}/{each.version}", at)
                for at, each in enumerate(events)
            ]
        )

    async def sweep(self) -> int:
        """Do what is due by now."""
        database = self.runtime.database
        handlers = {store.FINAL: sweep.finish}
        pulse = Pulse("timers", lambda: 0.0)
        return await timers.Sweep(database, self.clock, Wake(database), handlers, pulse).step()

    async def rows(self) -> dict[str, int]:
        """How many rows each table holds."""
        async with self.runtime.database.connection() as connection:
            return {
                table: await connection.fetchval(f"select count(*) from {table}")
                for table in TABLES
            }

    async def published(self) -> list[tuple[str, Response]]:
        """What waits in the outbox for the other services, as they would read it."""
        return [
            (event.type.split(".")[2], event.body)
            for event in await self.events()
            if isinstance(event.body, Response)
        ]

    async def opt_outs(self) -> list[OptOut]:
        """The wishes not to be asked that wait in the outbox."""
        events = await self.events()
        assert len({event.id for event in events}) == len(events)
        return [event.body for event in events if isinstance(event.body, OptOut)]

    async def events(self) -> list[Event]:
        """What waits in the outbox for the other services."""
        found = []
        for row in await self._outbox(topics.RESPONSES):
            values = [value.decode() for value in row["header_values"]]
            event = decode(dict(zip(row["header_names"], values, strict=True)), row["payload"])
            assert event is not None
            assert event.subject == row["record_key"].decode()
            found.append(event)
        return found

    async def said(self) -> list[tuple[str, int | None]]:
        """What was published, as event and score."""
        return [(type, body.score) for type, body in await self.published()]

    async def refusals(self) -> list[str]:
        """What went to the dead letters, and why."""
        return [
            value.decode()
            for row in await self._outbox(topics.DEAD_LETTERS)
            for name, value in zip(row["header_names"], row["header_values"], strict=True)
            if name == "x-error-message"
        ]

    async def counted(self) -> dict[tuple[str, ...], float]:
        """The counter of final answers."""
        async with self.runtime.database.connection() as connection:
            return dict((await tallies.read(connection)).get("responses", {}))

    async def _outbox(self, topic: str) -> Sequence[db.Row]:
        async with self.runtime.database.connection() as connection:
            return await connection.fetch(
                "select * from outbox where aggregatetype = $1 order by position", topic
            )


def settings_for(dsn: str, catalog: Path = CATALOG, link_keys: str = KEY) -> Settings:
    """Where things are in a test."""
    return Settings.model_validate(
        {
            "kafka_bootstrap_servers": "localhost:1",
            "postgres_dsn": dsn,
            "catalog": catalog,
            "link_keys": link_keys,
            "api_tokens": {
                TOKEN: ("responses:write", "feedback:write", "responses:read"),
                OTHERS: ("responses:write", "feedback:write"),
                "other": ("cases:read",),
            },
        }
    )


@asynccontextmanager
async def started(
    dsn: str, clock: ManualClock, catalog: Path = CATALOG, link_keys: str = KEY
) -> AsyncIterator[Collect]:
    """The service from its start to its end; the link in the mail is signed with KEY."""
    runtime = build(settings_for(dsn, catalog, link_keys), clock)
    policy = policy_of(load(catalog))
    handlers = Handlers(lambda: policy)
    consumer = runtime.consume([], parse=handlers.parse, handle=handlers.handle)
    transport = httpx.ASGITransport(runtime.application())
    await runtime.database.open()
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://survey") as browser:
            token = Links([KEY]).sign("survey", "i-1")
            yield Collect(runtime, consumer, browser, clock, token)
    finally:
        await runtime.database.close()
