"""Migrations run once, in order, for one schema; an older schema is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from shared import db, migrate
from shared.errors import SchemaOutdated

KERNEL = ["kernel/0001_kernel.sql", "kernel/0002_tombstones.sql"]


async def test_what_was_applied_is_not_applied_again(database: str, no_migrations: Path) -> None:
    assert await migrate.apply(database, "ask", no_migrations) == KERNEL
    assert await migrate.apply(database, "ask", no_migrations) == []


async def test_replicas_that_migrate_at_once_take_turns(database: str, no_migrations: Path) -> None:
    runs = await asyncio.gather(*(migrate.apply(database, "ask", no_migrations) for _ in range(4)))
    assert sorted(runs) == [[], [], [], KERNEL]


async def test_schemas_do_not_know_each_other(database: str, no_migrations: Path) -> None:
    await migrate.apply(database, "ask", no_migrations)
    assert await migrate.apply(database, "route", no_migrations) == KERNEL


async def test_a_failing_migration_leaves_nothing_behind(
    database: str, no_migrations: Path
) -> None:
    (no_migrations / "0001_good.sql").write_text("create table good (id int);")
    (no_migrations / "0002_bad.sql").write_text("create table bad (id nonsense);")
    with pytest.raises(Exception, match="nonsense"):
        await migrate.apply(database, "ask", no_migrations)
    connection = await db.connect(database, "ask")
    assert await connection.fetchval("select to_regclass('ask.good')") is None
    await connection.close()


async def test_an_older_schema_is_refused_by_name(database: str, no_migrations: Path) -> None:
    await migrate.apply(database, "ask", no_migrations)
    (no_migrations / "0001_newer.sql").write_text("select 1;")
    connection = await db.connect(database, "ask")
    with pytest.raises(SchemaOutdated, match=r"lacks migration ask/0001_newer.sql"):
        await migrate.verify(connection, "ask", no_migrations)
    await connection.close()


def test_a_file_with_another_name_is_refused(no_migrations: Path) -> None:
    (no_migrations / "new.sql").write_text("select 1;")
    with pytest.raises(ValueError, match="new.sql: a migration is called 0001_what_it_does.sql"):
        migrate.migrations("ask", no_migrations)
