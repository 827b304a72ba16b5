"""Open pages hear of a change as soon as it is committed."""

from __future__ import annotations

import asyncio

import pytest

from services.console.live import Live
from shared.clock import monotonic
from shared.pulse import Pulse
from shared.wake import Wake
from tests.integration.console.conftest import Desk
from tests.unit.close.cases import an_event

OPENED = "touchback.case.opened.v1"


async def test_a_change_pokes_every_open_page_and_a_closed_one_is_forgotten(desk: Desk) -> None:
    wake = Wake(desk.database)
    live = Live(wake)
    tasks = [
        asyncio.create_task(wake.run()),
        asyncio.create_task(live.run(Pulse("live", monotonic))),
    ]
    pages = [live.pokes() for _ in range(2)]
    try:
        async with asyncio.timeout(10):
            # The listener rouses everybody once it listens: from here on nothing can be missed.
            await asyncio.gather(*(anext(page) for page in pages))
            waiting = [asyncio.create_task(anext(page)) for page in pages]
            await desk.hears(OPENED, an_event())
            poked = await asyncio.gather(*waiting)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert [poke.event for poke in poked] == ["changed", "changed"]
    await pages[0].aclose()
    assert live.open_pages == 1
    await pages[1].aclose()


async def test_nobody_is_poked_while_nothing_changes(desk: Desk) -> None:
    page = desk.live.pokes()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await anext(page)
