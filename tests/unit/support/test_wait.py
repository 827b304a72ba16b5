"""Waiting with a deadline."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.wait import eventually, eventually_holds, wait_until


async def test_the_first_true_value_is_returned() -> None:
    values = iter([0, None, "", "there"])

    assert await eventually(lambda: next(values), within=1, every=0) == "there"


async def test_a_probe_may_be_a_coroutine() -> None:
    values = iter([[], [1]])

    async def probe() -> list[int]:
        await asyncio.sleep(0)
        return next(values)

    assert await eventually(probe, within=1, every=0) == [1]


async def test_a_failed_assertion_means_not_yet() -> None:
    values = iter([1, 2, 3])

    def probe() -> bool:
        assert next(values) == 3
        return True

    assert await eventually(probe, within=1, every=0)


async def test_the_deadline_raises_with_the_last_value() -> None:
    with pytest.raises(AssertionError, match=r"Not within 0.05 s; last value: \[\]"):
        await eventually(lambda: [], within=0.05)


async def test_the_deadline_raises_with_the_last_failed_assertion() -> None:
    def probe() -> bool:
        raise AssertionError("two of three")

    with pytest.raises(AssertionError, match="last failure: two of three"):
        await eventually(probe, within=0.05)


async def test_a_missing_row_is_not_taken_for_success() -> None:
    with pytest.raises(AssertionError, match="last value: None"):
        await eventually(lambda: None, within=0.05)


async def test_any_other_error_ends_the_waiting_at_once() -> None:
    def probe() -> bool:
        raise ConnectionError("the database is gone")

    with pytest.raises(ConnectionError):
        await eventually(probe, within=60)


async def test_a_probe_is_asked_even_without_any_time() -> None:
    assert await eventually(lambda: True, within=0)


async def test_a_check_that_asserts_and_returns_nothing_is_enough() -> None:
    values = iter([1, 2])

    def check() -> None:
        assert next(values) == 2

    await eventually_holds(check, within=1, every=0)


async def test_a_check_that_never_holds_is_reported() -> None:
    async def check() -> None:
        await asyncio.sleep(0)
        raise AssertionError("still 0 alerts")

    with pytest.raises(AssertionError, match="still 0 alerts"):
        await eventually_holds(check, within=0.05)


def test_without_a_loop_the_outcome_tells_whether_it_came_in_time() -> None:
    values = iter([False, True])

    assert wait_until(lambda: next(values), within=1, every=0)
    assert not wait_until(lambda: False, within=0.05)
