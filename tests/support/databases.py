"""Throw-away databases: one per test, copied from a template, dropped afterwards."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

PREFIX = "touchback_test_"


class Databases:
    """Makes and drops databases on one server; keeps no connection: any loop may use it."""

    def __init__(self, admin_dsn: str) -> None:
        self._admin_dsn = admin_dsn
        self._templates: dict[str, str] = {}

    def dsn(self, name: str) -> str:
        """The address of that database."""
        return urlunsplit(urlsplit(self._admin_dsn)._replace(path=f"/{name}"))

    @asynccontextmanager
    async def one(self, template: str = "template1") -> AsyncIterator[str]:
        """The address of a new database; dropped at the end, also under open connections."""
        name = await self.create(template)
        try:
            yield self.dsn(name)
        finally:
            await self.drop(name)

    async def create(self, template: str = "template1") -> str:
        """The name of a new copy of the template."""
        name = PREFIX + uuid.uuid4().hex[:16]
        await self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    async def drop(self, name: str) -> None:
        """Also when somebody is still connected, or when it is gone already."""
        await self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def template(self, key: str, prepare: Callable[[str], Awaitable[object]]) -> str:
        """A database to copy from, prepared once per run: the place for migrations.

        `prepare` gets its address and must have closed its connections when it returns.
        """
        if key not in self._templates:
            name = await self.create()
            try:
                await prepare(self.dsn(name))
            except BaseException:
                await self.drop(name)
                raise
            self._templates[key] = name
        return self._templates[key]

    async def close(self) -> None:
        """Drops the templates."""
        while self._templates:
            await self.drop(self._templates.popitem()[1])

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
