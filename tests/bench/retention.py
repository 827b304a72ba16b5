"""What it costs to let old rows go, beside what it costs to write them."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from services.ask.app import MIGRATIONS
from shared import db, migrate, retention
from shared.retention import Rule
from tests.support.clock import START
from tests.support.stack import Ground

KEPT, OLD = 400_000, 100_000
BATCH = 500
RULE = Rule(
    "decisions",
    "decided_at",
    lambda: timedelta(days=400),
    "not exists (select from invitations where invitations.decision_id = decisions.decision_id)",
)
WRITE = (
    "insert into decisions (decision_id, source, source_event_id, signal, touchpoint, customer_id,"
    " outcome, silence, decided_at, body) select gen_random_uuid(), 'shop', 'event-' || n,"
    " 'order.delivered', 'delivered', 'customer-' || n % 50000, 'silent', 'cap_person',"
    " $1::timestamptz + n * interval '1 millisecond', jsonb_build_object('rules', repeat('x', 900))"
    " from generate_series($2::int + 1, $2::int + $3::int) n"
)


async def measure(ground: Ground, folder: Path) -> None:
    """Prints decisions per second written in batches as `ask` does it, and let go in slices."""
    async with ground.databases.one() as dsn:
        await migrate.apply(dsn, "ask", MIGRATIONS)
        pool = db.Database(dsn, "ask")
        await pool.open()
        try:
            written = await _write(pool)
            await _fill(pool)
            gone, longest = await _prune(pool)
        finally:
            await pool.close()
    print(f"  input: {OLD:,} decisions of 1 KB to go, {KEPT:,} that stay, nothing else running")
    print(f"  written in batches of {BATCH}: {written:,.0f} rows/s")
    print(f"  let go in slices of {retention.AT_ONCE:,}: {gone:,.0f} rows/s")
    print(f"  longest slice: {1e3 * longest:.0f} ms")


async def _write(pool: db.Database) -> float:
    began = time.perf_counter()
    for first in range(0, OLD, BATCH):
        async with pool.transaction() as connection:
            await connection.execute(WRITE, START, first, BATCH)
    return OLD / (time.perf_counter() - began)


async def _fill(pool: db.Database) -> None:
    async with pool.connection() as connection:
        late = START + timedelta(days=400)
        await connection.execute(WRITE, late, OLD, KEPT, timeout=600)
        await connection.execute("vacuum analyze decisions", timeout=600)


async def _prune(pool: db.Database) -> tuple[float, float]:
    now = START + timedelta(days=400, milliseconds=OLD + 1)
    slices: list[float] = []
    more = True
    while more:
        began = time.perf_counter()
        async with pool.transaction() as connection:
            more = await retention.prune(connection, RULE, now)
        slices.append(time.perf_counter() - began)
    async with pool.connection() as connection:
        assert await connection.fetchval("select count(*) from decisions") == KEPT
    return OLD / sum(slices), max(slices)
