"""A process that holds both embedded stores, prints their ids and waits to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from services.local.broker import EmbeddedBroker
from services.local.postgres import EmbeddedPostgres


async def hold(data_dir: Path) -> None:
    """Never returns by itself."""
    broker, postgres = EmbeddedBroker(data_dir), EmbeddedPostgres(data_dir)
    async with broker, postgres:
        print(broker.pid, postgres.pid, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(hold(Path(sys.argv[1])))
