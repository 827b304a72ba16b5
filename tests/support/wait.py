"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TypeVar, overload

Value = TypeVar("Value")


@overload
async def eventually(
    probe: Callable[[], Awaitable[Value | None]], *, within: float, every: float = ...
) -> Value: ...


@overload
async def eventually(
    probe: Callable[[], Value | None], *, within: float, every: float = ...
) -> Value: ...


async def eventually(probe: Callable[[], object], *, within: float, every: float = 0.02) -> object:
    """What the probe returns once that is true; an AssertionError inside it means "not yet".

    At the deadline it raises AssertionError with the last value or the last failed assertion.
    None means "not yet" too, for a row that is still missing: a probe that only asserts belongs
    to `eventually_holds`. The probe is asked at least once.
    """
    deadline = time.monotonic() + within
    while True:
        value, failure = await _ask(probe)
        if value and failure is None:
            return value
        if time.monotonic() >= deadline:
            said = f"last failure: {failure}" if failure else f"last value: {value!r}"
            raise AssertionError(f"Not within {within:g} s; {said}") from failure
        await asyncio.sleep(every)


async def eventually_holds(
    check: Callable[[], None | Awaitable[None]], *, within: float, every: float = 0.02
) -> None:
    """Returns once the check, which asserts and returns nothing, raises no AssertionError."""

    async def holds() -> bool:
        outcome = check()
        if isawaitable(outcome):
            await outcome
        return True

    await eventually(holds, within=within, every=every)


async def _ask(probe: Callable[[], object]) -> tuple[object, AssertionError | None]:
    try:
        outcome = probe()
        return await outcome if isawaitable(outcome) else outcome, None
    except AssertionError as failure:
        return None, failure


def wait_until(condition: Callable[[], bool], *, within: float, every: float = 0.05) -> bool:
    """For fixtures that own no event loop: whether it became true in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True
