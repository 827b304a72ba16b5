"""Fixtures of every test: a real Kafka, a real PostgreSQL, a database per test, sinks, a clock."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import kafka_choice, postgres
from tests.support.clock import ManualClock
from tests.support.databases import Databases
from tests.support.kafka_broker import KafkaBroker, KafkaGround
from tests.support.kafka_choice import KafkaSource, NoKafka
from tests.support.kafka_jars import jar_folder
from tests.support.postgres import NoPostgres, PostgresServer, PostgresSource
from tests.support.sinks import MailSink, WebhookSink

PROJECT = Path(__file__).parents[1]
CACHE = PROJECT / ".cache"
SHARED_DATA = PROJECT.parent / "shared" / "data"

# How long an example takes is a matter of what else the machine does: no test fails for it.
settings.register_profile("touchback", deadline=None)
settings.load_profile("touchback")

SAID = "touchback_said"
WISHES = "touchback_wishes"
WISHES_KEPT = pytest.StashKey[dict[str, str]]()
KAFKA_GROUND = pytest.StashKey[KafkaGround]()
POSTGRES_FACTS = pytest.StashKey[postgres.PostgresFacts]()


def pytest_configure(config: pytest.Config) -> None:
    """Looks at the machine once; a demand that it cannot meet ends the run in one line."""
    wishes = dict(getattr(config, "workerinput", {}).get(WISHES, {}))
    # Services under test refuse names that are not settings of theirs.
    for name in (kafka_choice.REQUIRE_APACHE, kafka_choice.ADDRESS, postgres.ADDRESS):
        if name in os.environ:
            wishes[name] = os.environ.pop(name)
    config.stash[WISHES_KEPT] = wishes
    environment = {**os.environ, **wishes}
    facts = kafka_choice.gather(environment, jar_folder(CACHE))
    insists = environment.get(kafka_choice.REQUIRE_APACHE, "") not in ("", "0")
    ground = KafkaGround(facts, CACHE, require_apache=insists)
    config.stash[KAFKA_GROUND] = ground
    config.stash[POSTGRES_FACTS] = postgres.gather(environment)
    if insists:
        try:
            ground.sources()
        except NoKafka as error:
            raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says what the run will stand on."""
    ground = config.stash[KAFKA_GROUND]
    try:
        kafka = ground.describe(ground.sources()[0])
    except NoKafka as error:
        kafka = str(error)
    try:
        database: str = postgres.candidates(config.stash[POSTGRES_FACTS])[0]
    except NoPostgres as error:
        database = str(error)
    return [f"kafka: {kafka}", f"postgres: {database}"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """One of several test processes: it is told what the environment asked for."""
    node.workerinput[WISHES] = node.config.stash[WISHES_KEPT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of several test processes has ended: what it stood on belongs into the run's log too."""
    for line in getattr(node, "workeroutput", {}).get(SAID, ()):
        _say(node.config, f"{node.gateway.id}: {line}")


def _say(config: pytest.Config, line: str) -> None:
    """Past the capture: what a run stood on belongs into its log, also when every test passes."""
    if hasattr(config, "workeroutput"):
        config.workeroutput.setdefault(SAID, []).append(line)
        return
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None:
        return
    with capture.global_and_fixture_disabled():
        reporter.write_line(line)


@pytest.fixture(scope="session")
def kafka_ground(request: pytest.FixtureRequest) -> KafkaGround:
    """What makes brokers."""
    return request.config.stash[KAFKA_GROUND]


@pytest.fixture(scope="session")
def kafka_broker(
    kafka_ground: KafkaGround,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KafkaBroker]:
    """The broker that all tests share; nobody stops it. Tests that must take `own_kafka`."""
    try:
        broker = kafka_ground.start(tmp_path_factory.mktemp("kafka"))
    except NoKafka as error:
        pytest.exit(str(error), returncode=1)
    _say(
        pytestconfig,
        f"kafka: took {kafka_ground.describe(broker.source)} at {broker.bootstrap}",
    )
    yield broker
    broker.discard()


@pytest.fixture(scope="session")
def kafka(kafka_broker: KafkaBroker) -> str:
    """Bootstrap address of the shared broker."""
    return kafka_broker.bootstrap


@pytest.fixture(scope="session")
def kafka_idempotence(kafka_broker: KafkaBroker) -> bool:
    """For `enable_idempotence`: true on any Apache Kafka, false on the embedded broker."""
    return kafka_broker.idempotence


@pytest.fixture
def own_kafka(
    kafka_broker: KafkaBroker, kafka_ground: KafkaGround, tmp_path: Path
) -> Iterator[KafkaBroker]:
    """A broker of the test's own, not started yet: for tests that stop, start and kill it."""
    if kafka_broker.source is KafkaSource.GIVEN:
        pytest.skip("a Kafka at a given address cannot be stopped and started")
    folder = tmp_path / "own-kafka"
    folder.mkdir()
    broker = kafka_ground.make(kafka_broker.source, folder)
    yield broker
    broker.discard()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """The server that all tests share; nobody stops it. Tests that must take `own_postgres`."""
    try:
        server = postgres.start(pytestconfig.stash[POSTGRES_FACTS])
    except NoPostgres as error:
        pytest.exit(str(error), returncode=1)
    _say(pytestconfig, f"postgres: took {server.source}")
    yield server
    server.discard()


@pytest.fixture
def own_postgres(
    postgres_server: PostgresServer, pytestconfig: pytest.Config
) -> Iterator[PostgresServer]:
    """A server of the test's own, not started yet: for tests that stop, start and kill it."""
    if postgres_server.source is PostgresSource.GIVEN:
        pytest.skip("a PostgreSQL at a given address cannot be stopped and started")
    server = postgres.make(postgres_server.source, pytestconfig.stash[POSTGRES_FACTS])
    yield server
    server.discard()


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Iterator[Databases]:
    """Makes databases, and templates that are prepared once per run."""
    made = Databases(postgres_server.dsn)
    yield made
    asyncio.run(made.close())


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """The address of an empty database of the test's own."""
    async with databases.one() as dsn:
        yield dsn


@pytest.fixture
async def mail_sink() -> AsyncIterator[MailSink]:
    """An SMTP server that records."""
    async with MailSink() as sink:
        yield sink


@pytest.fixture
async def webhook_sink() -> AsyncIterator[WebhookSink]:
    """An HTTP server that records."""
    async with WebhookSink() as sink:
        yield sink


@pytest.fixture
def clock() -> ManualClock:
    """Stands still until it is advanced."""
    return ManualClock()


@pytest.fixture
def service_environment() -> dict[str, str]:
    """The environment for a service under test, free of settings of this run.

    Services refuse names beginning with TOUCHBACK_ that they do not know, also those of the tests.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("TOUCHBACK_")}


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real inputs beside the project, which is no part of it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder ../shared/data with the real inputs is not here")
    return SHARED_DATA
