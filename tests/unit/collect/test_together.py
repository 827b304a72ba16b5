"""Those who ask at the same moment share one piece of work, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.collect.together import AT_MOST, Together
from shared.errors import Unavailable
from tests.support.wait import eventually


class Work:
    """Doubles numbers, remembers who came together, and waits where it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, asked: Sequence[int]) -> list[int]:
        self.batches.append(list(asked))
        await self.go.wait()
        if 13 in asked:
            raise ValueError("thirteen")
        if 404 in asked:
            raise Unavailable("away")
        return [2 * each for each in asked]


async def test_who_comes_alone_is_served_at_once() -> None:
    work = Work()
    together = Together(work)
    assert [await together.ask(1), await together.ask(2)] == [2, 4]
    assert work.batches == [[1], [2]]


async def test_who_comes_meanwhile_goes_together_and_never_too_many() -> None:
    work = Work()
    work.go.clear()
    together = Together(work)
    asking = [asyncio.create_task(together.ask(100 + n)) for n in range(AT_MOST + 11)]
    await eventually(lambda: work.batches, within=5)
    asking += [asyncio.create_task(together.ask(7))]
    work.go.set()
    assert await asyncio.gather(*asking) == [2 * (100 + n) for n in range(AT_MOST + 11)] + [14]
    assert sorted(len(each) for each in work.batches) == [12, AT_MOST]


async def test_one_that_cannot_be_done_fails_alone() -> None:
    together = Together(Work())
    done = await asyncio.gather(*map(together.ask, (1, 13, 2)), return_exceptions=True)
    assert (done[0], str(done[1]), done[2]) == (2, "thirteen", 4)


async def test_all_hear_that_the_database_is_away_after_one_try() -> None:
    work = Work()
    together = Together(work)
    done = await asyncio.gather(*map(together.ask, (1, 404, 2)), return_exceptions=True)
    assert [type(each) for each in done] == [Unavailable] * 3
    assert len(work.batches) == 1
    assert await together.ask(3) == 6


async def test_who_gave_up_harms_nobody() -> None:
    work = Work()
    work.go.clear()
    together = Together(work)
    one, other = (asyncio.create_task(together.ask(each)) for each in (1, 2))
    await eventually(lambda: work.batches, within=5)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    work.go.set()
    assert await other == 4
