"""Every service as its own `app.build` makes it, on one PostgreSQL; tests carry the messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.ask.app import build as build_ask
from services.ask.settings import Settings as AskSettings
from services.close.app import build as build_close
from services.close.settings import Settings as CloseSettings
from services.collect.app import build as build_collect
from services.collect.settings import Settings as CollectSettings
from services.console.app import build as build_console
from services.console.settings import Settings as ConsoleSettings
from services.route.app import build as build_route
from services.route.settings import Settings as RouteSettings
from shared import db, migrate, outbox
from shared.consume import Consumer
from shared.contracts.base import Message
from shared.records import Record
from shared.retention import Rule
from shared.runtime import Runtime
from shared.settings import Settings
from tests.support.clock import ManualClock

KEY = "k" * 32
TOKEN = "a-token"
SERVICES: Mapping[str, tuple[Callable[..., Runtime], type[Settings]]] = {
    "ask": (build_ask, AskSettings),
    "collect": (build_collect, CollectSettings),
    "route": (build_route, RouteSettings),
    "close": (build_close, CloseSettings),
    "console": (build_console, ConsoleSettings),
}
KERNEL = {
    "inbox",
    "outbox",
    "outbox_slots",
    "timers",
    "tallies",
    "tombstones",
    "schema_migrations",
}


@dataclass
class House:
    """The services, what each of them reads, and everything that was ever said."""

    runtimes: dict[str, Runtime] = field(default_factory=dict)
    readers: list[tuple[str, Sequence[str], Consumer[Any]]] = field(default_factory=list)
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    said: list[Record] = field(default_factory=list)

    async def tell(self, type: str, body: Message, id: str, service: str = "listen") -> None:
        """Put a message on its topic."""
        customer = body.customer_id  # type: ignore[attr-defined]  # every message here has one
        at = next(iter(self.runtimes.values())).clock.now()
        await self._carry(
            outbox.event(service=service, type=type, body=body, customer_id=customer, at=at, id=id)
        )

    async def settle(self) -> None:
        """Carry what stands in the outboxes to who reads it, until nothing is left."""
        while waiting := [row for name in self.runtimes for row in await self._outbox(name)]:
            for message in waiting:
                await self._carry(message)

    async def replay(self) -> None:
        """Let every message come once more, to services that remember having seen none of them."""
        for name in self.runtimes:
            await self.execute(name, "delete from inbox")
        for record in list(self.said):
            await self.hand_out(record)
        await self.settle()

    async def execute(self, service: str, statement: str, *values: object) -> None:
        """Change something in the tables of a service."""
        async with self.runtimes[service].database.connection() as connection:
            await connection.execute(statement, *values)

    async def rows(self, service: str, statement: str, *values: object) -> Sequence[db.Row]:
        """Read from the tables of a service."""
        async with self.runtimes[service].database.connection() as connection:
            return await connection.fetch(statement, *values)

    async def tables(self, service: str) -> set[str]:
        """The tables of a service."""
        found = await self.rows(
            service, "select tablename from pg_tables where schemaname = $1", service
        )
        return {row["tablename"] for row in found}

    async def traces(self, *words: str) -> list[str]:
        """Where any of these words stands, in any column of any table of any service."""
        found = []
        for service in self.runtimes:
            for table in sorted(await self.tables(service)):
                lines = await self.rows(service, f'select t::text as line from "{table}" t')
                text = "\n".join(row["line"] for row in lines)
                # Bytes are shown in hexadecimal.
                found += [
                    f"{service}.{table}: {word}"
                    for word in words
                    if word in text or word.encode().hex() in text
                ]
        return found

    async def _outbox(self, service: str) -> list[outbox.Outgoing]:
        rows = await self.rows(
            service,
            "with gone as (delete from outbox returning *) select * from gone order by position",
        )
        return [
            outbox.Outgoing(
                id=str(row["id"]),
                topic=row["aggregatetype"],
                key=row["record_key"],
                type=row["type"],
                payload=row["payload"],
                headers=list(zip(row["header_names"], row["header_values"], strict=True)),
            )
            for row in rows
        ]

    async def _carry(self, message: outbox.Outgoing) -> None:
        headers = tuple(message.headers)
        at = len(self.said)
        record = Record(message.topic, 0, at, 0, message.key, message.payload, headers)
        self.said.append(record)
        await self.hand_out(record)

    async def hand_out(self, record: Record) -> None:
        """Give a record to everybody who reads its topic."""
        for _, topics, consumer in self.readers:
            if record.topic in topics:
                await consumer.take([record])


def settings(dsn: str, catalog: Path) -> dict[str, Any]:
    """What the services need to know between them."""
    return {
        "kafka_bootstrap_servers": "localhost:1",
        "postgres_dsn": dsn,
        "catalog": catalog,
        "link_keys": KEY,
        "pii_keys": "p" * 32,
        "smtp_url": "smtp://127.0.0.1:1",
        "mail_from": "feedback@shop.example",
        "api_token": TOKEN,
        "console_sign_in": "none",
        "api_tokens": {TOKEN: ("cases:read", "cases:act", "customers:erase")},
        "channel_secrets": {"parcels": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
    }


@asynccontextmanager
async def opened(
    dsn: str, catalog: Path, clock: ManualClock, patch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """All services with their databases; no loop of theirs runs."""
    house = House()
    _listen_in(house, patch)
    try:
        for name, (build, kind) in SERVICES.items():
            known = {k: v for k, v in settings(dsn, catalog).items() if k in kind.model_fields}
            runtime = build(kind.model_validate(known), clock)
            await migrate.apply(dsn, name, runtime.migrations)
            await runtime.database.open()
            house.runtimes[name] = runtime
        yield house
    finally:
        for runtime in house.runtimes.values():
            await runtime.database.close()


def _listen_in(house: House, patch: pytest.MonkeyPatch) -> None:
    consume = Runtime.consume

    def noted(self: Runtime, from_topics: Any, **how: Any) -> Consumer[Any]:
        consumer = consume(self, from_topics, **how)
        house.readers.append((self.service, from_topics, consumer))
        return consumer

    def kept(self: Runtime, rules: Sequence[Rule]) -> None:
        house.rules.setdefault(self.service, []).extend(rules)

    patch.setattr(Runtime, "consume", noted)
    patch.setattr(Runtime, "keep", kept)
