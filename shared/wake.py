"""LISTEN/NOTIFY within one service: who waits for rows is woken when they are committed."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from shared import db, kernel

KEEPALIVE = 15.0


class Wake:
    """One listening connection; each name has an event that is set when it is notified."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def event(self, name: str) -> asyncio.Event:
        """Return a new event that is set whenever `name` is notified."""
        event = asyncio.Event()
        self._events[name].add(event)
        return event

    def _heard(self, *args: object) -> None:
        for event in self._events[str(args[-1])]:
            event.set()

    def _rouse_all(self) -> None:
        for events in self._events.values():
            for event in events:
                event.set()

    async def run(self) -> None:
        """Listen until the connection breaks (raises) or the task is cancelled."""
        connection = await db.connect(self._database.dsn, self._database.schema)
        try:
            await connection.add_listener(self._database.schema, self._heard)
            self._rouse_all()  # what was notified while nobody listened
            while True:
                await asyncio.sleep(KEEPALIVE)
                await connection.execute("select 1")
        finally:
            connection.terminate()


async def notify(connection: db.Connection, name: str) -> None:
    """Wake those who wait for `name`, in every replica, when this transaction commits."""
    await connection.execute(kernel.QUERIES["notify"], name)


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait until woken, at most so long: the poll is the net under lost notifications."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    event.clear()
