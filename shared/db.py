"""PostgreSQL: one pool per process, one schema per service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.clock import monotonic
from shared.errors import Unavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record

REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
"""PostgreSQL is there, and the DSN is wrong: user, password or database."""

AWAY = (
    Unavailable,
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    *REFUSED,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
)
"""What PostgreSQL being away, restarting, overloaded or undoing a deadlock looks like from here."""

UNKEEPABLE = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""What a text with U+0000 in it looks like from here."""

NOT_THE_RECORD = (
    *AWAY,
    asyncpg.SyntaxOrAccessError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
)
"""Faults that no record is to blame for: a missing table, a lost grant, a read-only replica."""

CONNECT_TIMEOUT = 5.0
COMMAND_TIMEOUT = 30.0


async def _json_codecs(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
        )


async def _as_it_is(connection: Connection) -> None:
    """Give a connection back without asking the server to reset its session: nobody changes that,
    and it would cost each transaction a round trip.
    """


def _server_settings(schema: str) -> dict[str, str]:
    # Array parameters prepared on an empty table get a plan that scans it for each element, for
    # ever; custom plans cost microseconds and never turn bad.
    return {
        "search_path": schema,
        "plan_cache_mode": "force_custom_plan",
        "timezone": "UTC",
        "application_name": f"touchback-{schema}",
    }


async def connect(dsn: str, schema: str) -> asyncpg.Connection[asyncpg.Record]:
    """Open one connection outside the pool; raises Unavailable when PostgreSQL is away."""
    try:
        connection = await asyncpg.connect(
            dsn,
            timeout=CONNECT_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            server_settings=_server_settings(schema),
        )
        await _json_codecs(connection)
    except AWAY as error:
        raise Unavailable(f"PostgreSQL is away: {error or type(error).__name__}") from error
    return connection


class Database:
    """The pool of one service. Connections are opened on first use, so start order is free."""

    def __init__(self, dsn: str, schema: str, *, max_size: int = 10) -> None:
        self.dsn = dsn
        self.schema = schema
        self.max_size = max_size
        self.on_lent: Callable[[float], None] = lambda seconds: None
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    @property
    def idle(self) -> int:
        """How many connections are open and lent to nobody."""
        return self._pool.get_idle_size() if self._pool else 0

    @property
    def used(self) -> int:
        """How many connections are lent."""
        return self._pool.get_size() - self.idle if self._pool else 0

    async def open(self) -> None:
        """Make the pool; connects to nothing yet."""
        self._pool = await asyncpg.create_pool(
            self.dsn,
            min_size=0,
            max_size=self.max_size,
            init=_json_codecs,
            reset=_as_it_is,
            timeout=CONNECT_TIMEOUT,
            command_timeout=COMMAND_TIMEOUT,
            server_settings=_server_settings(self.schema),
            max_inactive_connection_lifetime=300,
        )

    async def close(self) -> None:
        """Give back every connection; those still busy after 1 s are cut."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        # terminate() after a while: a frozen server must not hold up the stop.
        try:
            async with asyncio.timeout(1.0):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises Unavailable when PostgreSQL is away at the start of it."""
        if self._pool is None:
            raise Unavailable("PostgreSQL is not connected yet")
        asked = monotonic()
        try:
            lent = await self._pool.acquire(timeout=CONNECT_TIMEOUT)
        except AWAY as error:
            raise Unavailable(f"PostgreSQL is away: {error or type(error).__name__}") from error
        self.on_lent(monotonic() - asked)
        try:
            yield lent
        except asyncpg.InterfaceError as error:
            # The client library says the same of a lost connection and of a wrong argument.
            if lent.is_closed():
                raise Unavailable("the connection to PostgreSQL was lost") from error
            raise
        finally:
            await self._pool_release(lent)

    async def _pool_release(self, lent: PoolConnectionProxy[asyncpg.Record]) -> None:
        if self._pool is not None:
            await self._pool.release(lent, timeout=2.0)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: committed when the block ends, undone when it raises."""
        async with self.connection() as lent, lent.transaction():
            yield lent
