"""How long after a low score was taken its team's webhook hears of it."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from shared.clock import SystemClock
from shared.contracts.asks import Invitation
from tests.support import outside, reading
from tests.support.stack import PROJECT, Ground, World, world
from tests.support.wait import eventually

CATALOG = PROJECT / "deploy" / "catalog"
SCORES = 200
AIM = 1.0
WARM_UP = 5
"""Scores before the measured ones: first uses of connections and of compiled queries."""


async def measure(ground: Ground, folder: Path) -> None:
    """Prints p50, p99 and the longest of 200 low scores, one after the other."""
    async with world(ground, folder, CATALOG) as made:
        made.stack.start()
        await made.stack.ready()
        now = SystemClock().now()
        invited = [
            outside.invitation(
                made.stack, n, touchpoint="first-bill", survey="bill-effort", now=now
            )
            for n in range(WARM_UP + SCORES)
        ]
        await outside.invite(made.stack, invited)
        await reading.rest(made.stack, 60)
        async with aiohttp.ClientSession() as client:
            taken = [await _one(client, made, each) for each in invited]
        _say(sorted(taken[WARM_UP:]))
        await _say_where(made)


async def _one(client: aiohttp.ClientSession, made: World, invited: Invitation) -> float:
    """Seconds from the answer to the customer's last request to the webhook's arrival."""
    heard = len(made.hooks.calls)
    comment = f"An estimate again. Contract {invited.customer_id}."
    await outside.answer(client, invited.survey_url, 5, comment)
    accepted = time.monotonic()
    await eventually(lambda: len(made.hooks.calls) > heard, within=30, every=0.005)
    call = made.hooks.calls[heard]
    assert json.loads(call.body)["comment"] == comment
    return call.arrived_at - accepted


def _say(seconds: Sequence[float]) -> None:
    p99 = seconds[int(len(seconds) * 0.99) - 1]
    print(
        f"  input: {len(seconds)} low scores by page, one by one, all six services idle otherwise"
    )
    print("  final answer accepted (HTTP 303) -> signed webhook at the team:")
    print(
        f"  p50 {1000 * statistics.median(seconds):.0f} ms, p99 {1000 * p99:.0f} ms,"
        f" max {1000 * seconds[-1]:.0f} ms (aim: p99 under {1000 * AIM:.0f} ms)"
    )


async def _say_where(made: World) -> None:
    """The way from service to service, from the times that each wrote down."""
    async with made.stack.reading("route") as connection:
        row = await connection.fetchrow(
            "select percentile_cont(0.5) within group (order by"
            " extract(epoch from created_at - received_at)) as to_route,"
            " percentile_cont(0.5) within group (order by"
            " extract(epoch from delivered_at - created_at)) as to_team from deliveries"
            " where kind = 'webhook'"
        )
    assert row is not None
    print(
        f"  on the way, p50: first score -> alert written {1000 * row['to_route']:.0f} ms,"
        f" alert written -> delivery recorded {1000 * row['to_team']:.0f} ms"
    )
