"""The embedded broker as a process of its own, so that a test can kill it: DATA_DIR PORT."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from services.local.broker import EmbeddedBroker


async def serve(data_dir: Path, port: int) -> None:
    """Runs until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with EmbeddedBroker(data_dir, port):
        await ended.wait()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(serve(folder, int(sys.argv[2])))
