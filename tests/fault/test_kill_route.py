"""SIGKILL to routers at random points: no low score is lost, and repeats say that they are one."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from shared import topics
from shared.clock import SystemClock
from shared.contracts.envelope import Event, encode, stable_id
from tests.support import outside
from tests.support.processes import free_port
from tests.support.stack import Ground, Stack, World, world
from tests.support.wait import eventually
from tests.unit.route.catalogs import response

pytestmark = pytest.mark.timeout(3600)

WHOLE = any(os.environ.get(name) for name in ("CI", "WHOLE_FAULT"))
SCORES, KILLS = (5000, 200) if WHOLE else (600, 12)
IN_FLIGHT = 64
LEASE = 30.0

CATALOG = {
    "teams.yaml": """\
- team: care
  name: Care
  channels:
    - {channel: care-hook, kind: webhook, url: "http://127.0.0.1:8090/care", secret: owners}
""",
    "routing.yaml": "team: care\n",
    "sources.yaml": "[]\n",
    "touchpoints.yaml": "[]\n",
}


@pytest.fixture
async def quiet(ground: Ground, tmp_path: Path) -> AsyncIterator[World]:
    """Everything but the services."""
    given = tmp_path / "given"
    given.mkdir()
    for name, text in CATALOG.items():
        (given / name).write_text(text)
    async with world(ground, tmp_path, given) as made:
        yield made


async def test_killed_at_random_points_it_loses_nothing(quiet: World) -> None:
    stack, chance = quiet.stack, random.Random(7)
    stack.start("route")
    await stack.ready("route")
    playing = asyncio.create_task(_play(stack, SCORES, over=KILLS * 4.0))
    for _ in range(KILLS):
        # Three of four times in the middle of its work, else at its start.
        if chance.random() < 0.75 and not playing.done():
            before = len(quiet.hooks.calls)
            await eventually(partial(_further, quiet, before, playing), within=60, every=0.01)
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        stack.kill("route")
        stack.start("route")
    await playing
    await stack.ready("route", within=120)

    await eventually(partial(_all_delivered, stack, SCORES), within=300 + LEASE, every=0.5)

    _check(quiet, SCORES, at_most_twice=KILLS * IN_FLIGHT)
    assert await stack.count("route", "cases") == SCORES


async def test_three_routers_give_what_one_gives_also_when_one_is_killed(quiet: World) -> None:
    first = quiet.stack
    others = [
        Stack(first.folder / name, first.environment, {**first.ports, "route": free_port()})
        for name in ("two", "three")
    ]
    try:
        for stack in (first, *others):
            stack.folder.mkdir(exist_ok=True)
            stack.start("route")
        for stack in (first, *others):
            await stack.ready("route")
        playing = asyncio.create_task(_play(first, SCORES, over=15.0))
        await eventually(lambda: len(quiet.hooks.calls) > SCORES // 3, within=120)
        others[0].kill("route")
        await playing
        await eventually(partial(_all_delivered, first, SCORES), within=120 + LEASE, every=0.5)
    finally:
        for stack in others:
            stack.stop_all()

    _check(quiet, SCORES, at_most_twice=IN_FLIGHT)
    assert await first.count("route", "cases") == SCORES


async def _play(stack: Stack, count: int, over: float) -> None:
    """Low scores as `collect` publishes them, spread over so many seconds."""
    async with outside.producing(stack) as producer:
        for number in range(count):
            now, name = SystemClock().now(), f"r{number}"
            said = response(name, customer_id=name, received_at=now, at=now)
            kind = "touchback.response.completed.v1"
            headers, value = encode(Event(name, "touchback/collect", kind, name, now, said))
            await producer.send_and_wait(
                topics.RESPONSES, value=value, key=name.encode(), headers=headers
            )
            await asyncio.sleep(over / count)


def _further(made: World, before: int, playing: asyncio.Task[None]) -> bool:
    return playing.done() or len(made.hooks.calls) > before


async def _all_delivered(stack: Stack, wanted: int) -> bool:
    return await stack.count("route", "deliveries where state = 'delivered'") == wanted


def _check(made: World, wanted: int, at_most_twice: int) -> None:
    told = Counter(call.headers["webhook-id"] for call in made.hooks.calls)
    cases = {json.loads(call.body)["case_id"] for call in made.hooks.calls}
    ids = {_alert_of(f"r{number}") for number in range(wanted)}
    repeats = sum(times - 1 for times in told.values())
    print(f"  {wanted} low scores, {len(told)} alerts, {repeats} repeats")
    assert set(told) == ids
    assert len(cases) == wanted
    assert repeats <= at_most_twice


def _alert_of(response_id: str) -> str:
    return stable_id("alert", stable_id("case", response_id), "care-hook")
