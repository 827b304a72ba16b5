"""The least that takes an answer by HTTP and keeps it: a peer for the bench, not a service.

The same server, event loop and database driver as ours; JSON in, one row, its own transaction.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

INSERT = "insert into public.bench (id, said) values (gen_random_uuid(), $1)"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DSN"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


async def take(request: Request) -> Response:
    said = await request.json()
    await request.app.state.pool.execute(INSERT, str(said).ljust(400, "x"))
    return JSONResponse({"kept": True}, status_code=201)


if __name__ == "__main__":
    app = Starlette(routes=[Route("/v1/responses", take, methods=["POST"])], lifespan=lifespan)
    uvicorn.run(app, port=int(os.environ["PORT"]), loop="uvloop", http="httptools", log_config=None)
