"""deploy/roles.sql on a database of the tests: every service under a role of its own."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.stack import PROJECT, SERVICES


async def make(dsn: str) -> dict[str, str]:
    """Make the roles; returns the address for each of them and for `migrate`."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute((PROJECT / "deploy" / "roles.sql").read_text())
    finally:
        await connection.close()
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return {
        name: urlunsplit(parts._replace(netloc=f"touchback_{name}@{place}"))
        for name in (*SERVICES, "migrate")
    }
