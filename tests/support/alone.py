"""One service as a process with a database of its own, and no Kafka unless one is given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.support.databases import Databases
from tests.support.stack import (
    PROJECT,
    Stack,
    migrate_all,
    of_the_machine,
    settings_of,
    some_ports,
)
from tests.support.wait import eventually_holds

NO_KAFKA = "127.0.0.1:1"
CATALOG = PROJECT / "deploy" / "catalog"


@asynccontextmanager
async def alone(
    name: str,
    databases: Databases,
    folder: Path,
    *,
    bootstrap: str = NO_KAFKA,
    idempotence: bool = True,
    catalog: Path = CATALOG,
) -> AsyncIterator[Stack]:
    """The service, serving; ended at the end."""
    async with databases.one() as dsn:
        ports = some_ports()
        settings = settings_of(
            bootstrap=bootstrap, dsn=dsn, catalog=catalog, ports=ports, idempotence=idempotence
        )
        stack = Stack(folder, {**of_the_machine(), **settings}, ports)
        await migrate_all(dsn, [name])
        try:
            await served(stack, name)
            yield stack
        finally:
            stack.stop_all()


async def served(stack: Stack, name: str) -> None:
    """Start it and return once it answers; readiness would need Kafka."""
    stack.start(name)
    async with aiohttp.ClientSession() as client:

        async def answers() -> None:
            try:
                async with client.get(stack.url(name, "/health/live")) as response:
                    assert response.status == 200
            except aiohttp.ClientError as error:
                raise AssertionError(f"{name}: {error}") from error

        await eventually_holds(answers, within=60, every=0.1)
