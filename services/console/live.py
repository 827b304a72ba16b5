"""Tells open pages that something changed: a poke, never data, so filters and rights stay here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from services.console.store import CHANGED
from shared.pulse import Pulse
from shared.wake import Wake

BEAT = 15.0


class Live:
    """One listener for all open pages."""

    def __init__(self, wake: Wake) -> None:
        self._woken = wake.event(CHANGED)
        self._pages: set[asyncio.Event] = set()

    async def run(self, pulse: Pulse) -> None:
        """Pass each notification on to every open page."""
        while True:
            pulse.beat()
            try:
                async with asyncio.timeout(BEAT):
                    await self._woken.wait()
            except TimeoutError:
                continue
            self._woken.clear()
            for page in self._pages:
                page.set()

    @property
    def open_pages(self) -> int:
        """How many pages listen."""
        return len(self._pages)

    async def stream(self, request: Request) -> Response:
        """Serve one page until it goes away or the service stops."""
        return EventSourceResponse(self.pokes(), ping=int(BEAT), send_timeout=5)

    async def pokes(self) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield a poke after each change, or burst of changes."""
        page = asyncio.Event()
        self._pages.add(page)
        try:
            while True:
                await page.wait()
                page.clear()  # a burst is one poke
                yield ServerSentEvent(event="changed", data="")
        finally:
            self._pages.discard(page)
