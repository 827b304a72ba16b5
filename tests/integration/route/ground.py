"""What the tests of `route` say to it, and read of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from services.route import metrics
from services.route.app import outbound_of
from services.route.handlers import Handlers
from services.route.settings import Settings
from services.route.sweep import Deliveries, Limits
from shared import db, tallies
from shared.catalog import Catalog
from shared.clock import Clock, SystemClock, monotonic
from shared.consume import Item
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.pulse import Pulse
from shared.wake import Wake
from tests.unit.route.catalogs import AT

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
EXAMPLE = Path(__file__).parents[3] / "deploy" / "catalog"
CONSOLE = "https://console.test"


def completed(response: Response, what: str = "completed") -> Event:
    """A response as `collect` publishes it."""
    kind = f"touchback.response.{what}.v1"
    return Event(f"{response.response_id}/{what}", "touchback/collect", kind, "c", AT, response)


def from_close(case: CaseEvent, what: str, **changes: Any) -> Event:
    """What `close` says of a case."""
    body = case.model_copy(update=changes)
    kind = f"touchback.case.{what}.v1"
    return Event(f"{case.case_id}/{body.version}", "touchback/close", kind, "c", AT, body)


async def take(database: db.Database, catalog: Catalog, *events: Event, now: datetime = AT) -> None:
    """Handle these events as one batch."""
    items = [Item(event.source, event.id, event) for event in events]
    async with database.transaction() as connection:
        await Handlers(lambda: catalog, CONSOLE).handle(connection, items, now)


async def said(database: db.Database) -> Counter[str]:
    """How often each type stands in the outbox."""
    return Counter(row["type"].split(".", 1)[1] for row in await rows(database, "outbox"))


async def case_events(database: db.Database, what: str) -> list[CaseEvent]:
    """The case events of a type that stand in the outbox, in order."""
    return [
        CaseEvent.model_validate_json(row["payload"])
        for row in await rows(database, "outbox", "position")
        if row["type"] == f"touchback.case.{what}.v1"
    ]


async def rows(database: db.Database, table: str, order: str = "1") -> Sequence[db.Row]:
    """All rows of a table."""
    async with database.connection() as connection:
        return await connection.fetch(f"select * from {table} order by {order}")  # noqa: S608  (names are the tests' own)


async def states(database: db.Database) -> Counter[str]:
    """How many alerts are in each state."""
    return Counter(row["state"] for row in await rows(database, "deliveries"))


async def counted(database: db.Database, metric: str) -> Mapping[tuple[str, ...], float]:
    """A counter by its label values."""
    async with database.connection() as connection:
        return (await tallies.read(connection)).get(metric, {})


class ShiftedClock:
    """The machine's clock, some time ahead: for leases and retries that lie in the future."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return SystemClock().now() + self.ahead


def loop_of(
    database: db.Database,
    catalog: Catalog,
    *,
    smtp: str = "smtp://127.0.0.1:1",
    allowed: Sequence[str] = ("127.0.0.0/8",),
    clock: Clock | None = None,
    wake: Wake | None = None,
    limits: Limits | None = None,
    secrets: Mapping[str, str] | None = None,
    registry: CollectorRegistry | None = None,
) -> Deliveries:
    """The delivery loop, not running yet."""
    settings = Settings.model_validate(
        {
            "kafka_bootstrap_servers": "localhost:9092",
            "postgres_dsn": "postgresql://localhost/touchback",
            "catalog": EXAMPLE,
            "smtp_url": smtp,
            "mail_from": "Touchback <tb@mail.test>",
            "channel_secrets": {"owners": SECRET, **(secrets or {})},
            "outbound_allow": tuple(allowed),
        }
    )
    return Deliveries(
        database=database,
        wake=wake or Wake(database),
        clock=clock or ShiftedClock(),
        outbound=outbound_of(settings, lambda: catalog),
        catalog=lambda: catalog,
        chance=lambda: 0.5,
        console_url=CONSOLE,
        routed=metrics.Routed(lambda: catalog),
        took=metrics.outcomes(registry or CollectorRegistry()),
        limits=limits,
    )


@asynccontextmanager
async def delivering(deliveries: Deliveries, wake: Wake | None = None) -> AsyncIterator[None]:
    """Run the loop, and the listener where there is one, until the block ends."""
    tasks = [asyncio.create_task(deliveries.run(Pulse("deliveries", monotonic)))]
    if wake is not None:
        tasks.append(asyncio.create_task(wake.run()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
