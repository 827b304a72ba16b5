"""Forward-only migrations: the kernel's files, then the service's own, each once per schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from shared import db
from shared.errors import SchemaOutdated

_KERNEL = Path(__file__).parent / "migrations"
_FILE = re.compile(r"^\d{4}_\w+\.sql$")
_LOCK = 0x70C4BACC  # any fixed number: replicas that migrate at once take turns


@dataclass(frozen=True, slots=True)
class Migration:
    """One file; its name is `kernel/0001_….sql` or `<schema>/0001_….sql`."""

    name: str
    sql: str


def _read(folder: Path, prefix: str) -> list[Migration]:
    files = sorted(file for file in folder.glob("*.sql"))
    wrong = [file.name for file in files if not _FILE.match(file.name)]
    if wrong:
        raise ValueError(f"{folder}/{wrong[0]}: a migration is called 0001_what_it_does.sql")
    return [Migration(f"{prefix}/{file.name}", file.read_text(encoding="utf-8")) for file in files]


def migrations(schema: str, folder: Path) -> list[Migration]:
    """Return all migrations of a service in the order they run."""
    return _read(_KERNEL, "kernel") + _read(folder, schema)


async def _applied(connection: db.Connection, schema: str) -> set[str]:
    found = await connection.fetchval("select to_regclass($1)", f"{schema}.schema_migrations")
    if found is None:
        return set()
    rows = await connection.fetch(f'select name from "{schema}".schema_migrations')  # noqa: S608  (schema is the service's own name)
    return {row["name"] for row in rows}


async def apply(dsn: str, schema: str, folder: Path) -> list[str]:
    """Bring the schema up to date and return the names of what was applied."""
    connection = await db.connect(dsn, schema)
    try:
        async with connection.transaction():
            return await _apply_all(connection, schema, migrations(schema, folder))
    finally:
        await connection.close(timeout=2.0)


async def _apply_all(
    connection: asyncpg.Connection[asyncpg.Record],
    schema: str,
    wanted: Iterable[Migration],
) -> list[str]:
    await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
    await connection.execute(f'create schema if not exists "{schema}"')
    await connection.execute(
        "create table if not exists schema_migrations"
        " (name text primary key, applied_at timestamptz not null default now())"
    )
    known = await _applied(connection, schema)
    missing = [each for each in wanted if each.name not in known]
    for each in missing:
        await connection.execute(each.sql)
        await connection.execute("insert into schema_migrations (name) values ($1)", each.name)
    return [each.name for each in missing]


async def verify(connection: db.Connection, schema: str, folder: Path) -> None:
    """Raise SchemaOutdated when a migration this program knows has not been applied."""
    known = await _applied(connection, schema)
    missing = [each.name for each in migrations(schema, folder) if each.name not in known]
    if missing:
        raise SchemaOutdated(
            f"schema {schema} lacks migration {missing[0]}; run `touchback {schema} migrate` first"
        )
