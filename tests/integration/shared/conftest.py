"""A service with nothing but the kernel in its schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import db, migrate

SCHEMA = "kernel_test"


@pytest.fixture
def no_migrations(tmp_path: Path) -> Path:
    """A service without tables of its own."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


@pytest.fixture
async def kernel_db(database: str, no_migrations: Path) -> AsyncIterator[db.Database]:
    """A migrated schema and its pool."""
    await migrate.apply(database, SCHEMA, no_migrations)
    opened = db.Database(database, SCHEMA)
    await opened.open()
    yield opened
    await opened.close()
