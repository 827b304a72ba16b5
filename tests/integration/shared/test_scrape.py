"""However many look at /metrics, the database is read once in a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from shared import db, scrape
from shared.errors import Unavailable
from shared.metrics import FRESH
from tests.integration.shared.test_runtime import a_runtime
from tests.support.clock import START
from tests.support.wait import eventually

COLLECTED = "touchback_collector_last_success_timestamp_seconds"


@dataclass
class Scraped:
    """A service that is looked at, with a clock for how long ago that was."""

    client: httpx.AsyncClient
    passed: float = 1.0
    reads: int = 0
    away: bool = False
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self, connection: db.Connection, now: datetime) -> Sequence[Metric]:
        """What is read from the database: how often it was read."""
        self.reads += 1
        number = self.reads
        await self.go_on.wait()
        if self.away:
            raise Unavailable("PostgreSQL is away")
        return [GaugeMetricFamily("touchback_reads", "How often.", value=number)]

    async def shown(self) -> dict[str, float]:
        text = (await self.client.get("/metrics")).text
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}


@pytest.fixture
async def scraped(
    kernel_db: db.Database,
    tmp_path: Path,
    no_migrations: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Scraped]:
    service = a_runtime(kernel_db.dsn, tmp_path, no_migrations)
    transport = httpx.ASGITransport(app=service.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        made = Scraped(client)
        made.go_on.set()
        service.gauges(made.read)
        monkeypatch.setattr(scrape, "monotonic", lambda: made.passed)
        await service.database.open()
        yield made
        await service.database.close()


async def test_several_who_look_at_once_cost_one_read(scraped: Scraped) -> None:
    scraped.go_on.clear()
    looks = [asyncio.create_task(scraped.shown()) for _ in range(5)]
    await eventually(lambda: scraped.reads == 1, within=20)
    scraped.go_on.set()
    assert {each["touchback_reads"] for each in await asyncio.gather(*looks)} == {1.0}
    assert scraped.reads == 1


@pytest.mark.parametrize(
    ("later", "reads"),
    [pytest.param(FRESH - 0.01, 1, id="still fresh"), pytest.param(FRESH, 2, id="no longer")],
)
async def test_what_was_read_is_shown_again_for_a_while(
    scraped: Scraped, later: float, reads: int
) -> None:
    await scraped.shown()
    scraped.passed += later
    assert (await scraped.shown())["touchback_reads"] == reads
    assert scraped.reads == reads


async def test_while_it_cannot_be_read_old_figures_stay_and_say_how_old_they_are(
    scraped: Scraped,
) -> None:
    await scraped.shown()
    scraped.passed += FRESH
    scraped.away = True
    scraped.go_on.clear()
    looks = [asyncio.create_task(scraped.shown()) for _ in range(3)]
    await eventually(lambda: scraped.reads == 2, within=20)
    scraped.go_on.set()
    for each in await asyncio.gather(*looks):
        assert (each["touchback_reads"], each[COLLECTED]) == (1.0, START.timestamp())
    assert scraped.reads == 2  # who waited for it is told the same, not made to wait again
    scraped.passed += 0.1
    scraped.away = False
    assert (await scraped.shown())["touchback_reads"] == 3.0  # and the next one tries at once
