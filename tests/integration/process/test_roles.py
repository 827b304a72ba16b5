"""deploy/roles.sql: each service may use its own schema and nothing else."""

from __future__ import annotations

import asyncpg
import pytest

from tests.support import roles
from tests.support.stack import SERVICES, migrate_all


@pytest.fixture
async def addresses(database: str) -> dict[str, str]:
    """The address for each role, after all schemas were migrated."""
    made = await roles.make(database)
    await migrate_all(made["migrate"])
    return await roles.make(database)  # again: it changes nothing


async def refused(dsn: str, statement: str) -> bool:
    """Whether PostgreSQL says that this role may not."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    else:
        return False
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_and_writes_its_own_rows_and_nothing_else(
    addresses: dict[str, str], service: str
) -> None:
    dsn = addresses[service]
    assert not await refused(dsn, f"select from {service}.schema_migrations")
    assert not await refused(dsn, f"delete from {service}.timers")
    assert not await refused(dsn, "delete from timers"), "its schema is where it looks first"
    assert await refused(dsn, f"create table {service}.more (id int)")
    assert await refused(dsn, f"drop table {service}.inbox")
    assert await refused(dsn, "create schema more")
    for other in set(SERVICES) - {service}:
        assert await refused(dsn, f"select from {other}.inbox"), other


async def test_only_the_role_that_owns_the_schemas_migrates(addresses: dict[str, str]) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await migrate_all(addresses["ask"], ["ask"])
    assert not await refused(addresses["migrate"], "create table ask.more (id int)")
