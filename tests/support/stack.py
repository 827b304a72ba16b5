"""The six services as processes on a broker and a database of their own: started, killed, asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg

from services.local.leash import leashed
from shared import kafka, migrate
from shared.catalog.loader import load
from shared.settings import Settings
from tests.support.databases import Databases
from tests.support.kafka_broker import KafkaBroker, KafkaGround
from tests.support.kafka_choice import KafkaSource
from tests.support.processes import LOOPBACK, free_ports, last_lines
from tests.support.sinks import MailSink, WebhookSink
from tests.support.wait import eventually

PROJECT = Path(__file__).parents[2]
SERVICES = ("listen", "ask", "collect", "route", "close", "console")
READY_WITHIN = 60.0
STOP_WITHIN = 10.0
TOKEN = "token-of-the-tests-" + "t" * 16
SCOPES = (
    "cases:read",
    "cases:act",
    "decisions:read",
    "responses:write",
    "feedback:write",
    "responses:read",
    "alerts:read",
)
SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cw=="
LINK_KEY = "link-key-of-the-tests-" + "l" * 16
PII_KEY = "pii-key-of-the-tests-" + "p" * 16
HOOKS = "http://127.0.0.1:8090"
"""Where the webhooks of our catalogs point: a test moves them to its own sink."""


def copy_catalog(source: Path, target: Path, hooks: str) -> Path:
    """The same catalog with the teams' webhooks elsewhere."""
    for file in (each for each in source.rglob("*.yaml")):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text("utf-8").replace(HOOKS, hooks), "utf-8")
    return target


def secret_names(catalog: Path) -> set[str]:
    """Every secret that a channel of the catalog signs with."""
    channels = (channel for team in load(catalog).teams for channel in team.channels)
    return {channel.secret for channel in channels if channel.secret}


def settings_of(
    *,
    bootstrap: str,
    dsn: str,
    catalog: Path,
    ports: Mapping[str, int],
    mail_port: int = 1,
    idempotence: bool = True,
    secrets: Sequence[str] = (),
) -> dict[str, str]:
    """The settings that all six services share, in the environment's form."""

    def url(service: str) -> str:
        return f"http://{LOOPBACK}:{ports[service]}"

    return {
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "TOUCHBACK_KAFKA_IDEMPOTENCE": str(idempotence).lower(),
        "TOUCHBACK_KAFKA_PARTITIONS": "3",
        # The embedded broker, which has no idempotence, sees new records when such a wait ends.
        "TOUCHBACK_KAFKA_FETCH_WAIT_MS": "500" if idempotence else "100",
        # A killed member's partitions are given to its successor after this.
        "TOUCHBACK_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "TOUCHBACK_POSTGRES_DSN": dsn,
        "TOUCHBACK_CATALOG": str(catalog),
        "TOUCHBACK_PUBLIC_URL": url("collect"),
        "TOUCHBACK_CLOSE_URL": url("close"),
        "TOUCHBACK_LISTEN_URL": url("listen"),
        "TOUCHBACK_CLOSE_PUBLIC_URL": url("close"),
        "TOUCHBACK_CONSOLE_URL": url("console"),
        "TOUCHBACK_CONSOLE_SIGN_IN": "none",
        "TOUCHBACK_LINK_KEYS": LINK_KEY,
        "TOUCHBACK_PII_KEYS": PII_KEY,
        "TOUCHBACK_API_TOKEN": TOKEN,
        "TOUCHBACK_API_TOKENS": json.dumps({TOKEN: SCOPES}),
        "TOUCHBACK_CHANNEL_SECRETS": json.dumps(dict.fromkeys(secrets, SECRET)),
        "TOUCHBACK_SMTP_URL": f"smtp://{LOOPBACK}:{mail_port}",
        "TOUCHBACK_MAIL_FROM": "feedback@touchback.example",
        "TOUCHBACK_OUTBOUND_ALLOW": "127.0.0.0/8",
    }


def of_the_machine() -> dict[str, str]:
    """The environment without settings of this run; services refuse names they do not know."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TOUCHBACK_")}


def some_ports() -> dict[str, int]:
    """A free port for each service."""
    return dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))


async def migrate_all(dsn: str, names: Sequence[str] = SERVICES) -> None:
    """Bring the schemas up to date, as `touchback <service> migrate` does."""
    for name in names:
        await migrate.apply(dsn, name, PROJECT / "services" / name / "migrations")


@dataclass(slots=True)
class Stack:
    """Plain processes, as anybody would start them: `python -m services.<name> run`."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, int]
    code: Path = PROJECT
    """Where the services come from: another release has a folder of its own."""
    own: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings of one service alone, by its name."""
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        """Address of the broker."""
        return self.environment["TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def dsn(self) -> str:
        """Address of the database."""
        return self.environment["TOUCHBACK_POSTGRES_DSN"]

    @property
    def catalog(self) -> Path:
        """The folder that all services read."""
        return Path(self.environment["TOUCHBACK_CATALOG"])

    @property
    def settings(self) -> Settings:
        """For clients of the tests."""
        return Settings.load(self.environment)

    def url(self, name: str, path: str = "") -> str:
        """An address at a service."""
        return f"http://{LOOPBACK}:{self.ports[name]}{path}"

    def log(self, name: str) -> Path:
        """What a service said, over all its starts."""
        return self.folder / f"{name}.log"

    def pid(self, name: str) -> int:
        """The process of a service."""
        return self._processes[name].pid

    async def prepare(self) -> None:
        """Make schemas and topics."""
        await migrate_all(self.dsn)
        await kafka.create_topics(self.settings, load(self.catalog).sources_by_topic)

    def start(self, *names: str) -> None:
        """Start them (all, when none is named) without waiting."""
        for name in names or SERVICES:
            port = {"TOUCHBACK_HTTP_PORT": str(self.ports[name])}
            command = [sys.executable, "-m", f"services.{name}", "run"]
            with self.log(name).open("ab") as output:
                self._processes[name] = subprocess.Popen(
                    leashed(command, on_parent_death=signal.SIGKILL),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self.code,
                    env={**self.environment, **self.own.get(name, {}), **port},
                    start_new_session=True,
                )

    async def ready(self, *names: str, within: float = READY_WITHIN) -> None:
        """Return when they have all they need; a process that ended is an error at once."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client:
            for name in names or SERVICES:
                await eventually(partial(self._is_ready, client, name), within=within, every=0.1)

    def kill(self, name: str) -> None:
        """SIGKILL: no chance to put anything in order."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> int:
        """SIGTERM; the exit code, or an error when it takes longer than it may."""
        process = self._processes[name]
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_WITHIN)
        del self._processes[name]
        return code

    def stop_all(self) -> None:
        """End everything that runs, kindly first."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        while self._processes:
            _, process = self._processes.popitem()
            try:
                process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def shell(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A `touchback` command in the same environment."""
        return subprocess.run(
            [sys.executable, "-m", "services", *words],
            env={**self.environment, **self.own.get("migrate", {})},
            cwd=self.code,
            capture_output=True,
            text=True,
            check=False,
        )

    @asynccontextmanager
    async def reading(self, schema: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A connection that looks into a service's tables."""
        connection = await asyncpg.connect(self.dsn, server_settings={"search_path": schema})
        try:
            yield connection
        finally:
            await connection.close()

    async def count(self, schema: str, of: str) -> int:
        """How many rows: `of` is a table, with a condition where needed."""
        async with self.reading(schema) as connection:
            return int(await connection.fetchval(f"select count(*) from {of}"))

    def last_words(self) -> str:
        """What the services had to say, shortly: for a test that failed."""
        return "\n".join(
            f"--- {name} ---\n{_complaints(self.log(name))}"
            for name in SERVICES
            if self.log(name).exists()
        )

    async def _is_ready(self, client: aiohttp.ClientSession, name: str) -> bool:
        process = self._processes[name]
        if process.poll() is not None:
            words = last_lines(self.log(name))
            raise RuntimeError(f"{name} ended with {process.returncode}:\n{words}")
        try:
            async with client.get(self.url(name, "/health/ready")) as response:
                assert response.status == 200, f"{name}: {await response.text()}"
                return True
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AssertionError(f"{name}: {error}") from error


def _complaints(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    loud = [line for line in lines if '"level":"INFO"' not in line.replace(" ", "").upper()]
    return "\n".join(line[:1500] for line in [*loud[-12:], *lines[-3:]])


@dataclass(frozen=True, slots=True)
class Ground:
    """What a stack stands on, from the fixtures of the run."""

    kafka: KafkaGround
    source: KafkaSource
    databases: Databases


@contextmanager
def own_broker(ground: Ground, folder: Path) -> Iterator[KafkaBroker]:
    """A running broker that nobody else uses: topics and groups have fixed names."""
    folder.mkdir(parents=True, exist_ok=True)
    broker = ground.kafka.make(ground.source, folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.discard()


@dataclass(frozen=True, slots=True)
class World:
    """A stack and the people around it."""

    stack: Stack
    hooks: WebhookSink
    mails: MailSink


@asynccontextmanager
async def world(
    ground: Ground, folder: Path, catalog: Path, *, prepared: bool = True
) -> AsyncIterator[World]:
    """Broker, database, sinks, schemas and topics; no service runs yet."""
    with own_broker(ground, folder / "kafka") as broker:
        async with MailSink() as mails, WebhookSink() as hooks, ground.databases.one() as dsn:
            copy = copy_catalog(catalog, folder / "catalog", hooks.url("").rstrip("/"))
            ports = some_ports()
            settings = settings_of(
                bootstrap=broker.bootstrap,
                dsn=dsn,
                catalog=copy,
                ports=ports,
                mail_port=mails.port,
                idempotence=broker.idempotence,
                secrets=sorted(secret_names(copy)),
            )
            stack = Stack(folder, {**of_the_machine(), **settings}, ports)
            if prepared:
                await stack.prepare()
            try:
                yield World(stack, hooks, mails)
            finally:
                stack.stop_all()
