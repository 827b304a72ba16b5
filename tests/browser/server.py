"""A service's pages on a free port, as a browser reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette

from shared.runtime import Runtime
from tests.support.wait import wait_until


class Server(uvicorn.Server):
    """Serves until it is told to stop."""

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@contextmanager
def serving(runtime: Runtime) -> Iterator[str]:
    """Serve the routes of a service over its database, without Kafka."""
    with answering(_without_kafka(runtime)) as address:
        yield address


def _without_kafka(runtime: Runtime) -> Starlette:
    @asynccontextmanager
    async def lifespan(web: Starlette) -> Any:
        await runtime.database.open()
        yield
        await runtime.database.close()

    return Starlette(routes=runtime.application().routes, lifespan=lifespan)


@contextmanager
def answering(web: Starlette) -> Iterator[str]:
    """Serve a web application in a thread of its own."""
    config = uvicorn.Config(web, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = Server(config)
    thread = Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: server.started, within=20)
    try:
        yield server.address
    finally:
        server.should_exit = True
        thread.join(20)
