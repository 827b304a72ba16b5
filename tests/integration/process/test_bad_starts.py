"""A service that cannot start says why in one line; one that only has to wait, waits and heals."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from shared import kafka, topics
from shared.catalog.loader import load
from tests.support import postgres, reading
from tests.support.databases import Databases
from tests.support.postgres import PostgresServer, PostgresSource
from tests.support.processes import LOOPBACK
from tests.support.stack import (
    PROJECT,
    SERVICES,
    TOKEN,
    Ground,
    Stack,
    copy_catalog,
    migrate_all,
    of_the_machine,
    secret_names,
    settings_of,
    some_ports,
)
from tests.support.wait import eventually

CATALOG = PROJECT / "deploy" / "catalog"
NOWHERE = f"{LOOPBACK}:1"
HEALS_WITHIN = 20.0
Environment = dict[str, str]


def settings(dsn: str, catalog: Path, ports: Mapping[str, int]) -> Environment:
    """Everything right, except that there is no Kafka."""
    secrets = sorted(secret_names(catalog))
    made = settings_of(bootstrap=NOWHERE, dsn=dsn, catalog=catalog, ports=ports, secrets=secrets)
    return {**of_the_machine(), **made}


def started(environment: Environment, name: str, **changed: str) -> tuple[int, list[str]]:
    """Exit code and standard error of a start that must not succeed."""
    run = subprocess.run(
        [sys.executable, "-m", f"services.{name}", "run"],
        cwd=PROJECT,
        env={**environment, "TOUCHBACK_HTTP_PORT": "0", **changed},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return run.returncode, run.stderr.splitlines()


@pytest.fixture
def environment(database: str, tmp_path: Path) -> Environment:
    catalog = copy_catalog(CATALOG, tmp_path / "catalog", "http://127.0.0.1:9")
    return settings(database, catalog, some_ports())


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        pytest.param(
            "collect",
            {"TOUCHBACK_PUBLIK_URL": "http://a.example"},
            "TOUCHBACK_PUBLIK_URL: no setting has this name; did you mean TOUCHBACK_PUBLIC_URL?",
            id="an unknown setting",
        ),
        pytest.param(
            "listen",
            {"TOUCHBACK_POSTGRES_DSN": "localhost:5432/touchback"},
            "TOUCHBACK_POSTGRES_DSN: should be like postgresql://",
            id="a malformed DSN",
        ),
        pytest.param(
            "close",
            {"TOUCHBACK_CATALOG": "/nowhere/at/all"},
            "TOUCHBACK_CATALOG: no folder /nowhere/at/all",
            id="no catalog",
        ),
        pytest.param(
            "route",
            {"TOUCHBACK_CHANNEL_SECRETS": "{}"},
            "TOUCHBACK_CHANNEL_SECRETS: has no secret ",
            id="a secret that is missing",
        ),
        pytest.param(
            "ask",
            {"TOUCHBACK_LINK_KEYS": "short"},
            "TOUCHBACK_LINK_KEYS: ",
            id="a key that is too short",
        ),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    environment: Environment, name: str, changed: dict[str, str], said: str
) -> None:
    code, lines = started(environment, name, **changed)
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith(f"touchback: {said}")


def test_a_database_that_is_not_there_is_named(
    environment: Environment, databases: Databases
) -> None:
    code, lines = started(
        environment, "collect", TOUCHBACK_POSTGRES_DSN=databases.dsn("no_such_database")
    )
    assert (code, len(lines)) == (2, 1), lines
    assert "TOUCHBACK_POSTGRES_DSN" in lines[0]
    assert "no_such_database" in lines[0]


def test_a_user_that_the_database_does_not_know_is_named(environment: Environment) -> None:
    right = environment["TOUCHBACK_POSTGRES_DSN"]
    wrong = right.replace("//postgres@", "//stranger:secret@")
    assert wrong != right
    code, lines = started(environment, "close", TOUCHBACK_POSTGRES_DSN=wrong)
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith("touchback: TOUCHBACK_POSTGRES_DSN: ")
    assert "stranger" in lines[0]
    assert "secret" not in lines[0]


def test_a_schema_that_is_too_old_names_the_command_that_helps(environment: Environment) -> None:
    code, lines = started(environment, "close")
    assert (code, lines) == (
        2,
        [
            "touchback: schema close lacks migration kernel/0001_kernel.sql;"
            " run `touchback close migrate` first"
        ],
    )


def test_a_broken_catalog_is_one_line_that_says_where(environment: Environment) -> None:
    file = Path(environment["TOUCHBACK_CATALOG"]) / "touchpoints.yaml"
    file.write_text(file.read_text("utf-8").replace("delay: 24h", "dellay: 24h"), "utf-8")
    code, lines = started(environment, "collect")
    assert (code, len(lines)) == (2, 1), lines
    assert "touchpoints.yaml:" in lines[0]
    assert "dellay" in lines[0]


async def test_a_taken_port_is_named(environment: Environment) -> None:
    await migrate_all(environment["TOUCHBACK_POSTGRES_DSN"], ["close"])
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, lines = started(environment, "close", TOUCHBACK_HTTP_PORT=str(port))
    assert (code, len(lines)) == (2, 1), lines
    assert lines[0].startswith(
        f"touchback: TOUCHBACK_HTTP_PORT: cannot listen on {LOOPBACK}:{port}"
    )


@pytest.mark.parametrize("name", ["listen", "route"])
async def test_sigterm_ends_it_also_while_everything_is_away(
    environment: Environment, tmp_path: Path, name: str
) -> None:
    away = {"TOUCHBACK_POSTGRES_DSN": f"postgresql://nobody@{NOWHERE}/none"}
    ports = some_ports()
    stack = Stack(tmp_path, {**environment, **away}, ports)
    stack.start(name)
    try:
        await eventually(lambda: responds(stack.url(name, "/health/live")), within=30)
        assert stack.stop(name) == 0
    finally:
        stack.stop_all()


async def responds(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


# --- started before anything else is there -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Probe:
    """What `/health/live` and `/health/ready` said."""

    live: int
    ready: int
    missing: str


@dataclass(slots=True)
class Late:
    """Six services that were started first, and what they said as the rest came."""

    stack: Stack
    alone: dict[str, Probe]
    with_postgres: dict[str, Probe]
    pages: dict[str, int]
    healed_after: dict[str, float]
    accepted_meanwhile: str


async def probes(stack: Stack) -> dict[str, Probe]:
    found = {}
    async with aiohttp.ClientSession() as client:
        for name in SERVICES:
            async with client.get(stack.url(name, "/health/live")) as live:
                pass
            async with client.get(stack.url(name, "/health/ready")) as ready:
                found[name] = Probe(live.status, ready.status, await ready.text())
    return found


async def status(stack: Stack, name: str, path: str) -> int:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession() as client,
        client.get(stack.url(name, path), headers=headers) as response,
    ):
        return response.status


async def alive(stack: Stack) -> bool:
    try:
        return all(probe.live == 200 for probe in (await probes(stack)).values())
    except aiohttp.ClientError:
        return False


async def names_only_kafka(stack: Stack) -> bool:
    found = await probes(stack)
    return all("postgres" not in probe.missing for probe in found.values())


async def give_answer(stack: Stack) -> str:
    """An answer by API; its id."""
    body = {"touchpoint": "delivered", "customer_id": "early", "score": 5}
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": uuid.uuid4().hex}
    url = stack.url("collect", "/v1/responses")
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, json=body, headers=headers) as response,
    ):
        assert response.status == 201, await response.text()
        return str((await response.json())["response_id"])


@pytest.fixture(scope="module")
def server(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A PostgreSQL of this module's own, not started yet."""
    if postgres_server.source is PostgresSource.GIVEN:
        pytest.skip("a PostgreSQL at a given address cannot be stopped and started")
    made = postgres.make(postgres_server.source, postgres.gather(os.environ))
    yield made
    made.discard()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def late(
    ground: Ground, server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Late]:
    """PostgreSQL has its schemas and is down; Kafka was never there. Then they come, in turn."""
    folder = tmp_path_factory.mktemp("late")
    broker = ground.kafka.make(ground.source, folder)
    server.start()
    await migrate_all(server.dsn)
    server.stop()
    catalog = copy_catalog(CATALOG, folder / "catalog", "http://127.0.0.1:9")
    ports = some_ports()
    environment = settings(server.dsn, catalog, ports)
    environment["TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS"] = broker.bootstrap
    environment["TOUCHBACK_KAFKA_IDEMPOTENCE"] = str(broker.idempotence).lower()
    stack = Stack(folder, environment, ports)
    stack.start()
    try:
        await eventually(lambda: alive(stack), within=60)
        alone = await probes(stack)
        server.start()
        await eventually(lambda: names_only_kafka(stack), within=HEALS_WITHIN)
        with_postgres = await probes(stack)
        pages = {
            "console": await status(stack, "console", "/"),
            "collect": await status(stack, "collect", "/static/collect.css"),
            "close": await status(stack, "close", "/v1/cases"),
        }
        accepted = await give_answer(stack)
        broker.start()
        await kafka.create_topics(stack.settings, load(catalog).sources_by_topic)
        healed = await healing(stack)
        yield Late(stack, alone, with_postgres, pages, healed, accepted)
    finally:
        stack.stop_all()
        broker.discard()


async def healing(stack: Stack) -> dict[str, float]:
    """Seconds until each was ready, from now on."""
    since, found = time.monotonic(), {}
    for name in SERVICES:
        await stack.ready(name)
        found[name] = time.monotonic() - since
    return found


module_loop = pytest.mark.asyncio(loop_scope="module")


@module_loop
async def test_alone_a_service_lives_and_names_all_that_it_lacks(late: Late) -> None:
    for name, probe in late.alone.items():
        assert (probe.live, probe.ready) == (200, 503), name
        assert "postgres" in probe.missing
        assert "kafka" in probe.missing


@module_loop
async def test_without_kafka_it_names_kafka_alone_and_its_pages_answer(late: Late) -> None:
    for name, probe in late.with_postgres.items():
        assert (probe.live, probe.ready) == (200, 503), name
        assert "kafka" in probe.missing
    assert late.pages == {"console": 200, "collect": 200, "close": 200}


@module_loop
async def test_it_becomes_ready_by_itself_once_all_is_there(late: Late) -> None:
    assert max(late.healed_after.values()) < HEALS_WITHIN, late.healed_after


@module_loop
async def test_an_answer_that_was_taken_without_kafka_is_published_later(late: Late) -> None:
    async def published() -> bool:
        said = await reading.events(late.stack, topics.RESPONSES)
        return late.accepted_meanwhile in {event.body.response_id for event in said}  # type: ignore[attr-defined]  # only responses stand there

    await eventually(published, within=HEALS_WITHIN)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Prometheus) is not here")
@pytest.mark.parametrize("name", SERVICES)
@module_loop
async def test_its_metrics_are_what_prometheus_expects(late: Late, name: str) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.get(late.stack.url(name, "/metrics")) as response,
    ):
        text = await response.text()
    assert "touchback_" in text
    assert await asyncio.to_thread(promtool, text) == (0, "")


def promtool(text: str) -> tuple[int, str]:
    """Exit code and complaints of `promtool check metrics`."""
    command = ["promtool", "check", "metrics"]
    run = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize("name", SERVICES)
@module_loop
async def test_sigterm_ends_it_in_order_and_in_time(late: Late, name: str) -> None:
    assert late.stack.stop(name) == 0
