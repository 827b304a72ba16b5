"""A service as a whole, without any part of its own: what it says of itself, what it follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared import migrate, runtime
from shared.consume import Item
from shared.errors import Unavailable
from shared.records import Record
from shared.runtime import Runtime
from shared.settings import Settings
from tests.integration.shared.conftest import SCHEMA
from tests.support.catalogs import catalog_files, edited, write_catalog
from tests.support.clock import ManualClock
from tests.support.mounted import Mounted
from tests.support.wait import eventually

NO_KAFKA = "127.0.0.1:1"
LONGER = edited("touchpoints.yaml", "delay: 1h", "delay: 2h")


def a_runtime(database: str, folder: Path, migrations: Path, kafka: str = NO_KAFKA) -> Runtime:
    settings = Settings(kafka_bootstrap_servers=[kafka], postgres_dsn=database, catalog=folder)
    return Runtime(SCHEMA, settings, ManualClock(), migrations)


@asynccontextmanager
async def running(service: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    """The service between start and stop, and a client of it."""
    app = service.application()
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


async def test_a_changed_catalog_is_taken_and_a_broken_one_is_not(
    database: str, tmp_path: Path, no_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CATALOG_LOOK", 0.01)
    await migrate.apply(database, SCHEMA, no_migrations)
    folder = write_catalog(tmp_path / "catalog")
    service = a_runtime(database, folder, no_migrations)
    holder = service.catalog()
    first = holder.current.version
    async with running(service) as client:
        write_catalog(folder, LONGER)
        await eventually(lambda: holder.current.version != first, within=10)
        second = holder.current.version
        (folder / "teams.yaml").write_text("- nonsense")
        await eventually(lambda: holder.reload_failed, within=10)
        assert holder.current.version == second
        assert "touchback_catalog_reload_failed 1.0" in (await client.get("/metrics")).text


async def test_a_mounted_catalog_is_followed_from_one_generation_to_the_next(
    database: str, tmp_path: Path, no_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CATALOG_LOOK", 0.01)
    await migrate.apply(database, SCHEMA, no_migrations)
    mounted = Mounted(tmp_path / "catalog")
    mounted.bring(catalog_files())
    service = a_runtime(database, mounted.folder, no_migrations)
    holder = service.catalog()
    taken: list[str] = []
    holder.subscribe(lambda catalog: taken.append(catalog.version))
    async with running(service) as client:
        mounted.bring(LONGER)
        await eventually(lambda: taken, within=10)
        mounted.bring({**LONGER, "teams.yaml": b"- nonsense"})
        await eventually(lambda: holder.reload_failed, within=10)
        assert "touchback_catalog_reload_failed 1.0" in (await client.get("/metrics")).text
        mounted.bring(LONGER)
        await eventually(lambda: not holder.reload_failed, within=10)
        assert "touchback_catalog_reload_failed 0.0" in (await client.get("/metrics")).text
    assert taken == [holder.current.version]


def nothing(record: Record) -> list[Item[str]]:
    return []


async def ignore(*_: object) -> None:
    """A handler with nothing to do."""


async def test_readiness_names_what_is_missing_while_the_process_is_alive(
    database: str, tmp_path: Path, no_migrations: Path
) -> None:
    service = a_runtime(database, tmp_path, no_migrations)
    service.consume(["orders"], parse=nothing, handle=ignore)
    async with running(service) as client:
        missing = (await client.get("/health/ready")).json()["missing"]
        assert missing == [
            f"schema {SCHEMA} lacks migration kernel/0001_kernel.sql;"
            f" run `touchback {SCHEMA} migrate` first",
            "kafka: not connected, or the group has not formed yet",
        ]
        assert (await client.get("/health/serving")).json()["missing"] == missing[:1]
        assert (await client.get("/health/live")).status_code == 200


async def test_without_kafka_a_consumer_is_not_taken_for_stalled(
    database: str, tmp_path: Path, no_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.pulse.STALLED_AFTER", 6.5)  # longer than the longest backoff
    service = a_runtime(database, tmp_path, no_migrations)
    beats: list[None] = []
    consumer = service.consume(["orders"], parse=nothing, handle=ignore)
    monkeypatch.setattr(consumer.pulse, "beat", lambda: beats.append(None))
    async with running(service):
        await eventually(lambda: len(beats) >= 3, within=20)
    assert service.stalled() == []


async def broken(request: Request) -> Response:
    raise RuntimeError("a fault of ours")


async def away(request: Request) -> Response:
    raise Unavailable("PostgreSQL is away")


async def test_a_fault_is_logged_and_told_as_problem_details(
    database: str, tmp_path: Path, no_migrations: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = a_runtime(database, tmp_path, no_migrations)
    service.routes([Route("/broken", broken), Route("/away", away)])
    transport = httpx.ASGITransport(app=service.application(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        fault, gone = await client.get("/broken"), await client.get("/away")
    assert (fault.status_code, fault.json()["title"]) == (500, "something went wrong on our side")
    assert "request failed" in caplog.messages
    assert (gone.status_code, gone.headers["retry-after"]) == (503, "5")
