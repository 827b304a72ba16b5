"""SIGKILL to `close` while people and clocks move cases: each step told once, each case watched."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.close import record, store
from services.close.model import Case
from shared import db
from shared.clock import SystemClock
from shared.contracts.cases import CasePolicy, Deadline
from tests.support.alone import alone, served
from tests.support.databases import Databases
from tests.support.stack import TOKEN, Stack
from tests.support.wait import eventually, eventually_holds
from tests.unit.close.cases import an_event

pytestmark = pytest.mark.timeout(3600)
WHOLE = any(os.environ.get(name) for name in ("CI", "WHOLE_FAULT"))
KILLS = 100 if WHOLE else int(os.environ.get("TOUCHBACK_TEST_KILLS", "8"))
CASES = 60 * KILLS
AT_ONCE = 8
BEARER = {"Authorization": f"Bearer {TOKEN}"}
STEPS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("acknowledge", {}),
    ("contacted", {"how": "phone", "outcome": "reached"}),
    ("resolve", {"root_cause": "wrong-amount", "action": "paid back", "outcome": "content"}),
    ("reopen", {"reason": "charged again"}),
)


async def test_every_step_is_told_once_and_every_case_is_watched_whenever_it_is_killed(
    databases: Databases, tmp_path: Path
) -> None:
    chance = random.Random(11)
    async with alone("close", databases, tmp_path) as stack:
        await _open(stack)
        worked = [number for number in range(CASES) if number % 2]
        acknowledged = Counter[tuple[str, int]]()
        working = asyncio.create_task(_everybody(stack, worked, acknowledged))
        kills = 0
        while kills < KILLS and not working.done():
            # Three of four times in the middle of its work, else at its start.
            if chance.random() < 0.75:
                before = len(acknowledged)
                await eventually(partial(_further, acknowledged, before, working), within=90)
            await asyncio.sleep(chance.uniform(0.05, 1.0))
            stack.kill("close")
            kills += 1
            await served(stack, "close")
        await working
        # The root of the routing tree is told when twice the time is over.
        await eventually_holds(partial(_time_is_done, stack), within=120 + 4 * KILLS, every=0.5)
        print(
            f"  {kills} kills; {len(acknowledged)} steps of people acknowledged,"
            f" {await stack.count('close', 'case_events')} events of {CASES} cases"
        )
        assert kills == KILLS, "it was faster than it was killed: give it more cases"
        await _check(stack, acknowledged)


async def _open(stack: Stack) -> None:
    """Cases whose first clock runs out while people work; those of even numbers nobody takes."""
    now, pool = SystemClock().now(), db.Database(stack.dsn, "close")
    await pool.open()
    try:
        for start in range(0, CASES, 500):
            cases = [_a_case(n, now) for n in range(start, min(start + 500, CASES))]
            async with pool.transaction() as connection:
                await record.opened(connection, cases, now)
    finally:
        await pool.close()


def _a_case(number: int, now: Any) -> Case:
    first = 5 + number % (2 * KILLS)
    clocks = tuple(
        Deadline(
            clock=clock,  # type: ignore[arg-type]  # one of the clocks
            due_at=now + timedelta(seconds=seconds),
            target_seconds=seconds,
            started_at=now,
        )
        for clock, seconds in (("acknowledge", first), ("contact", 90000), ("resolve", 180000))
    )
    policy = CasePolicy(fallback="customer-care")
    event = an_event(f"c{number}", f"u{number}", at=now, opened_at=now, policy=policy)
    return Case(event.model_copy(update={"deadlines": clocks}), now)


def _further(done: Counter[tuple[str, int]], before: int, working: asyncio.Task[None]) -> bool:
    return len(done) > before or working.done()


async def _everybody(stack: Stack, numbers: list[int], done: Counter[tuple[str, int]]) -> None:
    """Bring cases to their end and back; keeps the case and version of every step that was done.

    Whoever gets no answer sends the same again, with the same key.
    """
    left = iter(numbers)

    async def one_after_the_other(client: aiohttp.ClientSession) -> None:
        for number in left:
            version = 1
            for name, body in STEPS:
                version = await _step(stack, client, f"c{number}", name, version, body)
                done[f"c{number}", version] += 1

    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout, headers=BEARER) as client:
        await asyncio.gather(*(one_after_the_other(client) for _ in range(AT_ONCE)))


async def _step(
    stack: Stack,
    client: aiohttp.ClientSession,
    case_id: str,
    name: str,
    version: int,
    body: Mapping[str, str],
) -> int:
    async def answered() -> int | None:
        headers = {"Idempotency-Key": f"{case_id}-{name}"}
        url = stack.url("close", f"/v1/cases/{case_id}/{name}")
        said = {"actor": "lena", "version": version, **body}
        try:
            async with client.post(url, json=said, headers=headers) as response:
                text = await response.text()
                if response.status == 503:
                    return None
                if response.status != 200:
                    raise RuntimeError(f"{case_id} {name} at {version}: {text}")
                return int((await response.json())["case"]["version"])
        except (aiohttp.ClientError, TimeoutError):
            return None

    return await eventually(answered, within=600, every=0.05)


async def _time_is_done(stack: Stack) -> None:
    """Every clock that runs out in these minutes has been told of."""
    first = "ref in (select case_id from cases where cycle = 1)"
    due = f"timers where due_at < now() + interval '1 hour' and {first}"
    assert await stack.count("close", due) == 0


async def _check(stack: Stack, acknowledged: Counter[tuple[str, int]]) -> None:
    # Reopened cases have clocks that run on: all of it is looked at as of one moment.
    async with (
        stack.reading("close") as connection,
        connection.transaction(isolation="repeatable_read"),
    ):
        events = await connection.fetch(
            "select case_id, version, type, from_state, to_state from case_events"
            " order by case_id, version"
        )
        told = await connection.fetchval("select count(*) from outbox")
        versions = dict(await connection.fetch("select case_id, version from cases"))
        breaches = await connection.fetchval("select count(*) from case_breaches")
        found = await store.unwatched(connection, 10)  # type: ignore[arg-type]  # reads alone
    history: dict[str, list[Any]] = {}
    for each in events:
        history.setdefault(each["case_id"], []).append(each)
    for case_id, lines in history.items():
        assert [each["version"] for each in lines] == list(range(1, versions[case_id] + 1))
        pairs = zip(lines, lines[1:], strict=False)
        assert all(after["from_state"] == before["to_state"] for before, after in pairs)
    assert set(acknowledged) <= {(each["case_id"], each["version"]) for each in events}
    assert max(acknowledged.values()) == 1
    done = [e for e in events if e["type"] in ("acknowledged", "contacted", "resolved", "reopened")]
    assert len(done) == len(acknowledged), "a step was done that nobody was told of, or twice"
    assert told == len(events) - CASES, "every change but the opening is told, once"
    ran_out = Counter(each["case_id"] for each in events if each["type"] == "breached")
    untaken = [f"c{number}" for number in range(0, CASES, 2)]
    assert [ran_out[case_id] for case_id in untaken] == [1] * len(untaken)
    assert breaches >= len(untaken)
    assert found == [], "a case that is not over has no timer"
