"""All services on one database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.privacy.house import House, opened
from tests.support.catalogs import TOUCHPOINTS, catalog_files, write_catalog
from tests.support.clock import ManualClock

POLICY = 'hold_window: 0\nsend_window: {start: "00:00", end: "24:00"}\n'
AT_ONCE = TOUCHPOINTS.replace("  delay: 1h\n", "")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """Asks at once, at any hour."""
    files = catalog_files({"policy.yaml": POLICY, "touchpoints.yaml": AT_ONCE})
    return write_catalog(tmp_path / "catalog", files)


@pytest.fixture
async def house(
    database: str, catalog: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """The services with nothing in them yet."""
    async with opened(database, catalog, clock, monkeypatch) as made:
        yield made
