"""What it costs to fire a timer while many others wait."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from services.ask.app import MIGRATIONS
from shared import db, migrate
from shared.pulse import Pulse
from shared.timers import BATCH, Sweep, Timer
from shared.wake import Wake
from tests.support.clock import START, ManualClock
from tests.support.stack import Ground

FEW, MANY = 10_000, 1_000_000
FIRED = 5_000
ROUNDS = 5
AIM = 1.5


async def measure(ground: Ground, folder: Path) -> None:
    """Prints the cost of one timer with 10,000 and with 1,000,000 others pending, and the ratio."""
    async with ground.databases.one() as dsn:
        await migrate.apply(dsn, "ask", MIGRATIONS)
        pool = db.Database(dsn, "ask")
        await pool.open()
        try:
            few = await _cost(pool, FEW)
            many = await _cost(pool, MANY)
        finally:
            await pool.close()
    print(f"  input: {FIRED:,} due timers fired in batches of {BATCH}, best of {ROUNDS} rounds")
    print(f"  {FEW:>9,} pending: {1e6 * few:.0f} µs per timer")
    print(f"  {MANY:>9,} pending: {1e6 * many:.0f} µs per timer")
    print(f"  ratio {many / few:.2f} (aim: at most {AIM})")


async def _cost(pool: db.Database, pending: int) -> float:
    """Seconds per timer that fires while so many others are not due yet."""
    async with pool.connection() as connection:
        await connection.execute("truncate timers")
        await connection.execute(
            "insert into timers (kind, ref, due_at) select 'decide', 'later-' || n,"
            " $1::timestamptz + n * interval '1 second' from generate_series(1, $2::int) as n",
            START + timedelta(days=1),
            pending,
            timeout=600,
        )
        await connection.execute("vacuum analyze timers", timeout=600)
    return min([await _round(pool, number) for number in range(ROUNDS)])


async def _round(pool: db.Database, number: int) -> float:
    fired = 0

    async def fire(connection: db.Connection, due: Sequence[Timer], now: object) -> None:
        nonlocal fired
        fired += len(due)

    async with pool.connection() as connection:
        await connection.execute(
            "insert into timers (kind, ref, due_at) select 'decide', $1 || n, $2::timestamptz"
            " from generate_series(1, $3::int) as n",
            f"due-{number}-",
            START,
            FIRED,
        )
    clock = ManualClock(START)
    sweep = Sweep(pool, clock, Wake(pool), {"decide": fire}, Pulse("timers", lambda: 0.0))
    began = time.perf_counter()
    while await sweep.step():
        pass
    took = time.perf_counter() - began
    assert fired == FIRED
    return took / FIRED
