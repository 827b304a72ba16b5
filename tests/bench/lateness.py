"""How late the clocks of cases act while 50,000 cases are open."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from services.close import record
from services.close.app import MIGRATIONS
from services.close.model import Case
from services.close.policy import Policy
from services.close.sweep import Sweep as Clocks
from shared import db, migrate
from shared.clock import SystemClock
from shared.contracts.cases import CasePolicy, Deadline
from shared.pulse import Pulse
from shared.timers import Sweep
from shared.wake import Wake
from tests.support.stack import Ground
from tests.support.wait import eventually
from tests.unit.close.cases import an_event

OPEN = 50_000
DUE = 6_000
WINDOW = 60.0
AIM = 2.0
BATCH = 1_000
RULES = CasePolicy(fallback="customer-care")


async def measure(ground: Ground, folder: Path) -> None:
    """Prints how long after its time each of 6,000 clocks acted, with 50,000 cases open."""
    async with ground.databases.one() as dsn:
        await migrate.apply(dsn, "close", MIGRATIONS)
        pool = db.Database(dsn, "close")
        await pool.open()
        try:
            began = await _open_cases(pool)
            await _sweep(pool, began)
            late = await _lateness(pool)
        finally:
            await pool.close()
    _say(late)


async def _open_cases(pool: db.Database) -> datetime:
    """Open them all; every case in turn comes due within the window, or in some days."""
    now = SystemClock().now()
    first = now + timedelta(seconds=45)
    every = OPEN // DUE
    cases = []
    for n in range(OPEN):
        soon = first + timedelta(seconds=n / OPEN * WINDOW)
        at = soon if n % every == 0 and n // every < DUE else soon + timedelta(days=5)
        cases.append(_a_case(n, at))
    for start in range(0, OPEN, BATCH):
        async with pool.transaction() as connection:
            await record.opened(connection, cases[start : start + BATCH], now)
    async with pool.connection() as connection:
        await connection.execute("vacuum analyze", timeout=600)
    return first


def _a_case(n: int, half_gone: datetime) -> Case:
    """A case whose first warning is at this time."""
    target = 3600
    started = half_gone - timedelta(seconds=target / 2)
    clocks = tuple(
        Deadline(
            clock=clock,  # type: ignore[arg-type]  # one of the clocks
            due_at=started + timedelta(seconds=target * times),
            target_seconds=target * times,
            started_at=started,
        )
        for clock, times in (("acknowledge", 1), ("contact", 24), ("resolve", 120))
    )
    event = an_event(f"c{n}", f"u{n}", policy=RULES, deadlines=clocks, opened_at=started)
    return Case(event, started)


async def _sweep(pool: db.Database, first: datetime) -> None:
    policy = Policy(frozenset({"billing-care", "customer-care"}), (3600,))
    handlers = {record.CASE: Clocks(lambda: policy).due}
    sweep = Sweep(pool, SystemClock(), Wake(pool), handlers, Pulse("timers", time.monotonic))
    running = asyncio.create_task(sweep.run())
    left = (first - SystemClock().now()).total_seconds() + WINDOW

    async def acted() -> bool:
        async with pool.connection() as connection:
            told = "select count(*) from case_events where type = 'warned'"
            return int(await connection.fetchval(told)) >= DUE

    try:
        await eventually(acted, within=max(0.0, left) + 120, every=1.0)
    finally:
        running.cancel()


async def _lateness(pool: db.Database) -> list[float]:
    async with pool.connection() as connection:
        rows = await connection.fetch(
            "select extract(epoch from e.at - (d->>'started_at')::timestamptz)::float8"
            " - 1800 as late from case_events e, jsonb_array_elements(e.body->'deadlines') d"
            " where e.type = 'warned' and d->>'clock' = 'acknowledge'"
        )
    return sorted(row["late"] for row in rows)


def _say(late: Sequence[float]) -> None:
    p99 = late[int(len(late) * 0.99) - 1]
    print(f"  input: {OPEN:,} open cases, one timer each; {len(late):,} due within {WINDOW:.0f} s")
    print("  its time -> warning decided:")
    print(
        f"  p50 {1000 * statistics.median(late):.0f} ms, p99 {1000 * p99:.0f} ms,"
        f" max {1000 * late[-1]:.0f} ms (aim: p99 under {1000 * AIM:.0f} ms)"
    )
