"""The last release and this one side by side on one schema, under load: there, back, and there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from shared import kafka
from shared.catalog.loader import load
from tests.support import releases, roles
from tests.support.crowd import Crowd
from tests.support.stack import SERVICES, Ground, Stack, World, world

pytestmark = pytest.mark.timeout(900)
CUSTOMERS = 400
EVERY = 0.7
"""Seconds from one customer to the next, for as long as it takes."""
SIDE_BY_SIDE = 5
"""So many customers answer while both stand behind the address."""


@dataclass(frozen=True, slots=True)
class Releases:
    """The last one, which runs, and the present one; each service under its own database role."""

    world: World
    now: Stack

    @property
    def before(self) -> Stack:
        """The last one."""
        return self.world.stack


@pytest.fixture
async def both(ground: Ground, tmp_path: Path) -> AsyncIterator[Releases]:
    code = releases.previous(tmp_path / "release")
    catalog = code / "deploy" / "catalog"
    async with world(ground, tmp_path / "run", catalog, prepared=False) as made:
        addresses = await roles.make(made.stack.dsn)
        own = {name: {"TOUCHBACK_POSTGRES_DSN": dsn} for name, dsn in addresses.items()}
        now = replace(releases.beside(made.stack, "now"), own=own)
        old = releases.as_of(replace(made.stack, own=own), code)
        await asyncio.to_thread(releases.migrate, old, addresses["migrate"])
        await kafka.create_topics(old.settings, load(catalog).sources_by_topic)
        old.start()
        try:
            await old.ready()
            yield Releases(World(old, made.hooks, made.mails), now)
        finally:
            old.stop_all()
            now.stop_all()


async def exchange(gone: Stack, come: Stack, crowd: Crowd, doors: list[str]) -> int:
    """Bring out one release beside the other, and take that one away when this one is ready."""
    come.start()
    await come.ready()
    doors.append(come.url("collect"))
    await crowd.more(SIDE_BY_SIDE)
    doors.pop(0)
    for name in SERVICES:
        assert await asyncio.to_thread(gone.stop, name) == 0, f"{name} was not done in time"
    return await crowd.more(SIDE_BY_SIDE)


async def serves(stack: Stack) -> int:
    """What only this release answers."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(stack.url("ask", "/health/serving")) as response,
    ):
        return response.status


async def test_an_upgrade_a_rollback_and_an_upgrade_under_load_lose_nothing_and_send_nothing_twice(
    both: Releases,
) -> None:
    old, new, again = both.before, both.now, releases.beside(both.before, "again")
    # What only the present release reads is left lying by the last one until this one comes back.
    final = releases.beside(both.now, "final")
    doors = [old.url("collect")]
    crowd = Crowd(both.world, CUSTOMERS, lambda: doors)
    await crowd.register()
    assert await serves(old) == 404

    loading = asyncio.create_task(crowd.live(EVERY, within=600))
    try:
        started = await crowd.more(SIDE_BY_SIDE)
        await asyncio.to_thread(releases.migrate, new, new.own["migrate"]["TOUCHBACK_POSTGRES_DSN"])
        upgraded = await exchange(old, new, crowd, doors)
        assert await serves(new) == 200
        rolled_back = await exchange(new, again, crowd, doors)
        ended = await exchange(again, final, crowd, doors)
        crowd.enough.set()
        await loading
        await crowd.settle()
    finally:
        loading.cancel()
        again.stop_all()
        final.stop_all()

    way = f"{upgraded - started} up, {rolled_back - upgraded} back, {ended - rolled_back} up again"
    print(f"  {len(crowd.answered)} customers answered: {started} before, {way}")
    await crowd.check()
    assert crowd.mails() == dict.fromkeys(crowd.asked, 1)
    assert set(crowd.alerts().values()) == {1}
