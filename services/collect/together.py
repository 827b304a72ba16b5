"""What many ask for at the same moment is done as one: one transaction, one wait for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared import db

A = TypeVar("A")
R = TypeVar("R")
AT_MOST = 200


class Together(Generic[A, R]):
    """Nobody waits for company: who comes alone is served at once, and who comes meanwhile goes
    with the next. Each waits until the transaction it went with is committed.
    """

    def __init__(self, work: Callable[[Sequence[A]], Awaitable[Sequence[R]]]) -> None:
        self._work = work
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, what: A) -> R:
        """Do this, with others; raises what the work raised."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((what, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._serve(), name="together")
        return await answer

    async def _serve(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
            await self._do(batch)

    async def _do(self, batch: Sequence[tuple[A, asyncio.Future[R]]]) -> None:
        try:
            done = await self._work([what for what, _ in batch])
        except Exception as error:  # noqa: BLE001  (whatever it is, it is for those who asked)
            await self._failed(batch, error)
            return
        for (_, answer), result in zip(batch, done, strict=True):
            if not answer.done():  # who asked may be gone
                answer.set_result(result)

    async def _failed(self, batch: Sequence[tuple[A, asyncio.Future[R]]], error: Exception) -> None:
        if len(batch) > 1 and not isinstance(error, db.AWAY):
            # One of them may be the fault of it: nobody pays for others.
            for each in batch:
                await self._do([each])
            return
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(error)
