"""A migrated database for `route`, its handlers, and its delivery loop without a Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.route.app import MIGRATIONS
from shared import db, migrate


@pytest.fixture
async def route_db(database: str) -> AsyncIterator[db.Database]:
    """The schema of `route`, empty."""
    await migrate.apply(database, "route", MIGRATIONS)
    opened = db.Database(database, "route")
    await opened.open()
    yield opened
    await opened.close()
