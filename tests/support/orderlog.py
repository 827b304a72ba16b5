"""The Olist order log played through all six services, and what must come of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from shared import topics
from shared.contracts.cases import CaseEvent
from shared.contracts.responses import Response
from tests.support import reading
from tests.support.stack import PROJECT, Stack, World
from tests.support.wait import eventually

CATALOG = PROJECT / "tests" / "catalogs" / "olist"
FALLBACK = "marketplace-care"
SLICE = 1500


def whole() -> bool:
    """Whether this run plays all of it: in CI, and where somebody asks for it."""
    return any(
        os.environ.get(name, "").lower() not in ("", "0", "false")
        for name in ("CI", "WHOLE_ORDER_LOG")
    )


def patience() -> float:
    """Seconds that a stack may take to come to rest."""
    return 900.0 if whole() else 180.0


def order_log(shared_data: Path) -> list[str]:
    """All lines of the stream, in time order."""
    tool = shared_data / "tools" / "olist_stream.py"
    run = subprocess.run(
        [sys.executable, str(tool), str(shared_data / "logs" / "olist")],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return run.stdout.splitlines()


def part(lines: Sequence[str]) -> list[str]:
    """What this run plays: the log's beginning and customers who were unhappy twice, or all."""
    if whole():
        return list(lines)
    unhappy: Counter[str] = Counter()
    for line in lines:
        event = json.loads(line)
        unhappy[event["customer"]] += _is_low(event)
    return [
        line
        for number, line in enumerate(lines)
        if number < SLICE or unhappy[json.loads(line)["customer"]] > 1
    ]


def _is_low(event: dict[str, Any]) -> bool:
    # CSAT 1 to 5: one and two are low.
    return event["kind"] == "survey.answered" and int(event["score"]) <= 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the log comes to; `opened`, `owners` and `alerted` count by team or owner."""

    answers: int
    low: int
    opened: int
    attached: int
    owners: Counter[str]
    teams: Counter[str]


def expected(lines: Sequence[str]) -> Outcome:
    """What must come of these lines, found without any of our code."""
    events = [event for line in lines if (event := json.loads(line))["kind"] == "survey.answered"]
    low = [event for event in events if _is_low(event)]
    first = {event["customer"]: event for event in reversed(low)}
    return Outcome(
        answers=len(events),
        low=len(low),
        opened=len(first),
        attached=len(low) - len(first),
        owners=Counter(event["owner"] or "none" for event in low),
        teams=Counter(_team(event["owner"]) for event in first.values()),
    )


def _team(owner: str | None) -> str:
    return f"sellers-{owner.lower()}" if owner else FALLBACK


async def seen(stack: Stack) -> Outcome:
    """What did come of them, as the topics tell it."""
    said = await reading.events(stack, topics.RESPONSES)
    responses = {
        event.body.response_id: event.body
        for event in said
        if event.type == "touchback.response.completed.v1" and isinstance(event.body, Response)
    }
    low = [each for each in responses.values() if each.band == "low"]
    opened, attached = await _cases(stack)
    routed = Counter(each.score.response_id for each in [*opened, *attached])
    assert routed == Counter(each.response_id for each in low), "each low score has one case"
    return Outcome(
        answers=len(responses),
        low=len(low),
        opened=len(opened),
        attached=len(attached),
        owners=Counter(str(each.attributes["owner"]) or "none" for each in low),
        teams=Counter(each.team for each in opened),
    )


async def _cases(stack: Stack) -> tuple[list[CaseEvent], list[CaseEvent]]:
    found: dict[str, list[CaseEvent]] = defaultdict(list)
    for event in await reading.events(stack, topics.CASES):
        if event.source == "touchback/route" and isinstance(event.body, CaseEvent):
            found[event.type].append(event.body)
    return found["touchback.case.opened.v1"], found["touchback.case.attached.v1"]


async def play(world: World, lines: Sequence[str]) -> None:
    """Put the lines onto the source topic with `touchback play`."""
    file = world.stack.folder / "log.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    words = ["play", str(file), "--catalog", str(world.stack.catalog)]
    run = await asyncio.to_thread(
        world.stack.shell, *words, "--key-field", "customer", "--speed", "max"
    )
    assert run.returncode == 0, run.stderr
    assert f"sent {len(lines):,} to olist.events" in run.stdout


async def play_and_kill(world: World, lines: Sequence[str], victim: str) -> None:
    """Play a third in peace, a third under which the victim is killed, and a third without it.

    Then it is started again, and everything comes to its end.
    """
    stack, third = world.stack, len(lines) // 3
    await play(world, lines[:third])
    await eventually(partial(_progress, stack, victim, 0), within=60)
    before = await stack.count(victim, "inbox")
    playing = asyncio.create_task(play(world, lines[third : 2 * third]))
    await eventually(partial(_progress, stack, victim, before), within=60)
    stack.kill(victim)
    at_the_kill = await stack.count(victim, "inbox")
    await playing
    await play(world, lines[2 * third :])
    stack.start(victim)
    await stack.ready(victim)
    await reading.rest(stack, patience())
    assert at_the_kill < await stack.count(victim, "inbox"), "it was killed after the end"


async def _progress(stack: Stack, service: str, more_than: int) -> bool:
    return await stack.count(service, "inbox") > more_than
