"""SIGKILL to `route` and `close` at random points: nothing is lost, repeats say they are one."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from bisect import bisect
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from services.route.sweep import PER_ENDPOINT
from shared import topics
from shared.clock import SystemClock
from shared.contracts.envelope import Event, encode, stable_id
from tests.support import outside, reading
from tests.support.processes import free_port
from tests.support.sinks import Answer
from tests.support.stack import TOKEN, Ground, Stack, World, world
from tests.support.wait import eventually
from tests.unit.route.catalogs import response

pytestmark = pytest.mark.timeout(5400)

WHOLE = any(os.environ.get(name) for name in ("CI", "WHOLE_FAULT"))
SCORES, KILLS = (5000, 100) if WHOLE else (600, 12)
LEASE = 30.0
LATE = 0.25
"""Seconds in which a call may still arrive that a killed router sent; the next one starts later."""

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
        # Long enough for a kill to find some on their way.
        made.hooks.answer_always(Answer(delay=0.1))
        yield made


async def test_killed_at_random_points_they_lose_nothing(quiet: World) -> None:
    stack, chance = quiet.stack, random.Random(7)
    stack.start("route", "close")
    await stack.ready("route", "close")
    each, lives, began = SCORES // KILLS, [time.monotonic()], time.monotonic()
    taking = asyncio.create_task(_take_every_tenth(stack))
    for number in range(KILLS):
        said = range(number * each, SCORES if number == KILLS - 1 else (number + 1) * each)
        playing = asyncio.create_task(_play(stack, said, over=0.5))
        # Three of four times in the middle of its work, else at its start.
        if chance.random() < 0.75:
            before = len(quiet.hooks.calls)
            await eventually(partial(_further, quiet, before), within=90, every=0.01)
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        for victim in chance.sample(["route", "close"], 2):
            stack.kill(victim)
            stack.start(victim)
            if victim == "route":
                lives.append(time.monotonic() + LATE)
            await asyncio.sleep(chance.uniform(0.0, 0.2))
        await playing
        if number % 20 == 19:
            print(f"  {number + 1} kills each in {time.monotonic() - began:.0f} s", flush=True)
    await stack.ready("route", "close", within=120)

    await eventually(partial(_all_delivered, stack, SCORES), within=300 + LEASE, every=0.5)
    await eventually(partial(_all_kept, stack, SCORES), within=300, every=0.5)
    assert await asyncio.wait_for(taking, 300) == SCORES // 10

    _check(quiet, SCORES, lives)
    assert await stack.count("route", "cases") == SCORES
    await _check_close(stack)
    print(f"  {KILLS} kills of each, {time.monotonic() - began:.0f} s in all")


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
        playing = asyncio.create_task(_play(first, range(SCORES), over=SCORES / 40))
        await eventually(lambda: len(quiet.hooks.calls) > SCORES // 3, within=600)
        others[0].kill("route")
        killed = time.monotonic() + LATE
        await playing
        await eventually(partial(_all_delivered, first, SCORES), within=300 + LEASE, every=0.5)
    finally:
        for stack in others:
            stack.stop_all()

    _check(quiet, SCORES, [0.0, killed])
    assert await first.count("route", "cases") == SCORES


async def _play(stack: Stack, numbers: Sequence[int], over: float) -> None:
    """Low scores as `collect` publishes them, spread over so many seconds."""
    async with outside.producing(stack) as producer:
        for number in numbers:
            now, name = SystemClock().now(), f"r{number}"
            said = response(name, customer_id=name, received_at=now, at=now)
            kind = "touchback.response.completed.v1"
            headers, value = encode(Event(name, "touchback/collect", kind, name, now, said))
            await producer.send_and_wait(
                topics.RESPONSES, value=value, key=name.encode(), headers=headers
            )
            await asyncio.sleep(over / len(numbers))


async def _take_every_tenth(stack: Stack) -> int:
    """People who take cases, and press again when nothing comes back."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client:
        for number in range(0, SCORES, 10):
            await eventually(
                partial(_taken, client, stack, _case_of(f"r{number}")), within=1800, every=0.2
            )
    return len(range(0, SCORES, 10))


async def _taken(client: aiohttp.ClientSession, stack: Stack, case_id: str) -> bool:
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": f"take/{case_id}"}
    url = stack.url("close", f"/v1/cases/{case_id}/acknowledge")
    try:
        async with client.post(url, json={"actor": "ines", "version": 1}, headers=headers) as said:
            return said.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _further(made: World, before: int) -> bool:
    return len(made.hooks.calls) > before


async def _all_delivered(stack: Stack, wanted: int) -> bool:
    return await stack.count("route", "deliveries where state = 'delivered'") == wanted


async def _all_kept(stack: Stack, wanted: int) -> bool:
    """`close` has every case, with its alert, and has told of all that it did."""
    kept = await stack.count("close", "cases join case_alerts using (case_id)")
    return kept == wanted and await stack.count("close", "outbox") == 0


def _check(made: World, wanted: int, lives: Sequence[float]) -> None:
    """Every alert arrived: in the life of a router once at most, and again only after its end.

    What was sent again was on its way when a router was killed, so of one kill there are no more
    than may be on their way at once.
    """
    calls = [(each.headers["webhook-id"], each) for each in made.hooks.calls]
    sent = Counter((bisect(lives, call.arrived_at), name) for name, call in calls)
    ended = Counter(life for (life, name), last in _followed(sent) if not last)
    repeats = len(calls) - len({name for name, _ in calls})
    print(
        f"  {wanted} low scores, {len(calls) - repeats} alerts, {repeats} repeats;"
        f" at most {max(ended.values(), default=0)} at one kill, {PER_ENDPOINT} may be in flight"
    )
    assert {name for name, _ in calls} == {_alert_of(f"r{number}") for number in range(wanted)}
    assert len({json.loads(call.body)["case_id"] for _, call in calls}) == wanted
    assert [key for key, times in sent.items() if times > 1] == []
    assert max(ended.values(), default=0) <= PER_ENDPOINT


def _followed(sent: Counter[tuple[int, str]]) -> list[tuple[tuple[int, str], bool]]:
    """Each send, and whether it was the last one of its alert."""
    last = {name: life for life, name in sorted(sent)}
    return [((life, name), last[name] == life) for life, name in sent]


async def _check_close(stack: Stack) -> None:
    """Each case is there, has its one timer and a history without a gap; who took one has it."""
    gaps = "(select from case_events group by case_id having max(version) <> count(*)) as gap"
    assert await stack.count("close", "cases") == SCORES
    assert await stack.count("close", "timers where kind = 'case'") == SCORES
    assert await stack.count("close", gaps) == 0
    assert await stack.count("close", "cases where state = 'acknowledged'") == SCORES // 10
    headers = [each.text_headers for each in await reading.records(stack, topics.CASES)]
    told = {each["ce_id"]: each["ce_type"] for each in headers}
    kinds = Counter(told.values())
    print(f"  {dict(kinds)}, {len(headers) - len(told)} repeated on the topic with their ids")
    assert kinds["touchback.case.opened.v1"] == SCORES
    assert kinds["touchback.case.acknowledged.v1"] == SCORES // 10


def _case_of(response_id: str) -> str:
    return stable_id("case", response_id)


def _alert_of(response_id: str) -> str:
    return stable_id("alert", _case_of(response_id), "care-hook")
