"""Fixtures: the service with its database and pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.collect.app import MIGRATIONS
from shared import migrate
from tests.integration.collect.service import Collect, started
from tests.support.clock import ManualClock


@pytest.fixture
async def migrated(database: str) -> str:
    """A database with the schema of the service."""
    await migrate.apply(database, "collect", MIGRATIONS)
    return database


@pytest.fixture
async def collect(migrated: str, clock: ManualClock) -> AsyncIterator[Collect]:
    async with started(migrated, clock) as service:
        yield service
