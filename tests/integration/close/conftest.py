"""A schema of the service `close`, migrated and open."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.close.app import MIGRATIONS
from shared import db, migrate


@pytest.fixture
async def close(database: str) -> AsyncIterator[db.Database]:
    await migrate.apply(database, "close", MIGRATIONS)
    pool = db.Database(database, "close")
    await pool.open()
    yield pool
    await pool.close()
