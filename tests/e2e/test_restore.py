"""PostgreSQL is lost with its disk while the loop runs, and comes back from deploy/backup.sh."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from tests.support import postgres
from tests.support.crowd import Crowd
from tests.support.databases import Databases
from tests.support.postgres import PostgresServer, PostgresSource
from tests.support.processes import Child
from tests.support.stack import PROJECT, Ground, World, world
from tests.support.wait import eventually

pytestmark = pytest.mark.timeout(900)
CUSTOMERS = 400
EVERY = 0.7
IN_FLIGHT = 10
"""Alerts that were on their way when it was lost: told once more, with the same id."""


@pytest.fixture
def server(own_postgres: PostgresServer) -> PostgresServer:
    """A PostgreSQL of the test's own, whose data and programs it can lay hands on."""
    if own_postgres.source is not PostgresSource.WHEEL:
        pytest.skip("the disk of this PostgreSQL is out of reach")
    own_postgres.start()
    return own_postgres


@pytest.fixture
async def running(server: PostgresServer, ground: Ground, tmp_path: Path) -> AsyncIterator[World]:
    here = Ground(ground.kafka, ground.source, Databases(server.dsn))
    async with world(here, tmp_path / "run", PROJECT / "deploy" / "catalog") as made:
        made.stack.start()
        await made.stack.ready()
        yield made


def script(name: str, *words: str | Path) -> list[str]:
    return ["sh", str(PROJECT / "deploy" / name), *map(str, words)]


def with_programs() -> dict[str, str]:
    """PostgreSQL's own programs, of the server's version."""
    return {**os.environ, "PATH": f"{postgres.programs()}:{os.environ['PATH']}"}


@contextmanager
def followed(dsn: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`backup.sh wal` while the block runs."""
    said = (folder / "wal.log").open("wb")
    process = subprocess.Popen(
        script("backup.sh", "wal", dsn, folder), env=with_programs(), stdout=said, stderr=said
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        said.close()


async def no_commit_without_the_backup(dsn: str) -> None:
    """Set what deploy/backup.sh asks for, and wait until it is so."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("alter system set synchronous_standby_names = 'touchback_backup'")
        await connection.execute("select pg_reload_conf()")

        async def so() -> bool:
            return bool(
                await connection.fetchval(
                    "select true from pg_stat_replication where sync_state = 'sync'"
                )
            )

        await eventually(so, within=60, every=0.2)
    finally:
        await connection.close()


@pytest.fixture
def kept() -> Iterator[Path]:
    """Where the backup goes, which whoever runs PostgreSQL can read."""
    folder = Path(tempfile.mkdtemp(prefix="touchback-kept-"))
    yield folder
    shutil.rmtree(folder)


async def test_what_was_committed_before_the_disk_was_lost_is_there_again(
    running: World, server: PostgresServer, kept: Path
) -> None:
    stack = running.stack
    crowd = Crowd(running, CUSTOMERS, lambda: [stack.url("collect")])
    await crowd.register()
    with followed(server.dsn, kept):
        await no_commit_without_the_backup(server.dsn)
        loading = asyncio.create_task(crowd.live(EVERY, within=400))
        await crowd.more(3)
        await asyncio.to_thread(back_up, server.dsn, kept)
        based = len(crowd.answered)
        lost = await crowd.more(8)
        await asyncio.to_thread(server.kill)
    await asyncio.to_thread(lose_and_restore, server, kept)
    await asyncio.to_thread(server.start)
    await crowd.more(8)
    crowd.enough.set()
    with suppress(ExceptionGroup):  # who was being asked at that moment may never answer
        await loading
    await crowd.settle()

    told_again = sum(times - 1 for times in crowd.alerts().values())
    print(
        f"  {len(crowd.asked)} customers: {based} had answered at the base, {lost} when the disk"
        f" was lost; {told_again} alerts told again with the same id"
    )
    await crowd.check()
    # An ask whose mail may or may not have left is not sent again: it is told as unknown.
    unknown = await stack.count("ask", "invitations where state in ('sending', 'unknown')")
    assert len(crowd.answered) + unknown == len(crowd.asked)
    assert unknown <= 1
    assert set(crowd.mails().values()) == {1}
    assert told_again <= IN_FLIGHT


def back_up(dsn: str, kept: Path) -> None:
    subprocess.run(
        script("backup.sh", "base", dsn, kept), env=with_programs(), check=True, capture_output=True
    )


def lose_and_restore(server: PostgresServer, kept: Path) -> None:
    """The data folder is gone; another is made of what was kept, in its place."""
    assert isinstance(server.process, Child)
    data = Path(server.process.command[server.process.command.index("-D") + 1])
    owner = data.owner()
    shutil.rmtree(data)
    subprocess.run(script("restore.sh", kept, data), check=True, capture_output=True)
    for path in (data, *data.rglob("*"), kept, *kept.rglob("*")):
        shutil.chown(path, owner)


async def test_as_in_compose_the_scripts_find_everything_in_their_surroundings(
    server: PostgresServer, kept: Path, tmp_path: Path
) -> None:
    """The service says where and as whom; the volume to restore into is there, and empty."""
    secret = tmp_path / "password"
    secret.write_text("not asked for here\n")
    inside = {"DSN": server.dsn, "PGDATA": str(kept), "PGPASSWORD_FILE": str(secret)}
    assert said("backup.sh", "check", **inside)[0] == 1
    with following(inside, tmp_path):
        await eventually(lambda: said("backup.sh", "check", **inside)[0] == 0, within=60, every=0.2)
        code, base = said("backup.sh", "base", **inside)
        base = base.splitlines()[-1]
        assert (code, Path(base).parent) == (0, kept)
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create table proof as select 42 as answer")
        await connection.close()
        await asyncio.to_thread(server.stop)
    code, complaint = said("backup.sh", "check", **inside)
    assert (code, complaint.count("nothing follows")) == (1, 1)
    volume = tmp_path / "volume"
    volume.mkdir()
    assert said("restore.sh", kept, volume) == (0, f"{volume} from {base}\n")
    assert said("restore.sh", kept, volume)[0] == 1
    assert (volume / "recovery.signal").exists()


def said(name: str, *words: str | Path, **surroundings: str) -> tuple[int, str]:
    """Exit code and output of one of the scripts."""
    run = subprocess.run(
        script(name, *words),
        env={**with_programs(), **surroundings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout


@contextmanager
def following(surroundings: dict[str, str], folder: Path) -> Iterator[None]:
    """`backup.sh wal` as the service runs it."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            script("backup.sh", "wal"),
            env={**with_programs(), **surroundings},
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()
