"""What it costs to decide about a customer of whom a hundred thousand signals were heard."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from statistics import median

from prometheus_client import CollectorRegistry

from services.ask.app import MIGRATIONS
from services.ask.handlers import Desk
from services.ask.metrics import decision_delay
from shared import db, migrate
from shared.consume import Item
from shared.contracts.signals import Signal
from shared.links import Links
from tests.support.clock import START
from tests.support.stack import Ground
from tests.unit.ask.moments import POLICY, a_catalog, a_profile, a_signal, an_event

FEW, MANY = 10, 100_000
ROUNDS = 40
TOUCHPOINTS = """\
- touchpoint: often
  on: {count: order.lost, at_least: 3, within: 7d}
  act: case
- touchpoint: delivered
  on: {signal: order.delivered}
  cancel_on: [order.returned]
  survey: delivery
- touchpoint: silence
  on: {absence: [response, order.returned], after: order.late, within: 1h, by: customer}
  survey: delivery
"""
NAMES = ("order.lost", "order.delivered", "order.late")
FILL = """
insert into signals (source, source_event_id, signal, customer_id, occurred_at, correlation,
                     counts_for, body, heard_at)
select 'shop', $1 || '/' || n, name, $1, at, 'o' || n,
       case when name = 'order.lost' then array['often'] else '{}' end,
       case when name = 'order.lost' then jsonb_build_object('signal', name, 'source', 'shop',
            'source_event_id', $1 || '/' || n, 'customer_id', $1::text, 'occurred_at', at) end, at
from (select n, case when n % 2 = 0 then 'order.lost' else 'order.delivered' end as name,
             $2::timestamptz - n * interval '6 seconds' as at
      from generate_series(1, $3::int) as n) as old
"""


async def measure(ground: Ground, folder: Path) -> None:
    """Prints how long one new signal takes, by its kind, with few and with many heard before."""
    catalog = a_catalog({"touchpoints.yaml": TOUCHPOINTS, "policy.yaml": POLICY})
    delays = decision_delay(CollectorRegistry())
    desk = Desk(lambda: catalog, Links(("k" * 32,)), "http://feedback.example", delays)
    async with ground.databases.one() as dsn:
        await migrate.apply(dsn, "ask", MIGRATIONS)
        pool = db.Database(dsn, "ask")
        await pool.open()
        try:
            found = {count: await _times(pool, desk, count) for count in (FEW, MANY)}
        finally:
            await pool.close()
    print(f"  input: one customer, {ROUNDS} new signals of each kind, a transaction each")
    for name in NAMES:
        few, many = found[FEW][name], found[MANY][name]
        print(
            f"  {name:<16} {FEW:>7,} before: {few:6.1f} ms   {MANY:>7,} before: {many:6.1f} ms"
            f"   ratio {many / few:.2f}"
        )


async def _times(pool: db.Database, desk: Desk, before: int) -> dict[str, float]:
    customer = f"customer-of-{before}"
    async with pool.transaction() as connection:
        await connection.execute(FILL, customer, START, before, timeout=300)
    async with pool.connection() as connection:
        await connection.execute("vacuum analyze signals", timeout=300)
    await _hear(pool, desk, a_signal(f"{customer}-warm", customer=customer))
    return {name: await _median(pool, desk, customer, name) for name in NAMES}


async def _median(pool: db.Database, desk: Desk, customer: str, name: str) -> float:
    """Milliseconds."""
    took = []
    for number in range(ROUNDS):
        at = START - timedelta(hours=2) + timedelta(seconds=number)
        new = a_signal(
            f"{customer}-{number}", customer=customer, name=name, at=at, correlation="new"
        )
        began = time.perf_counter()
        await _hear(pool, desk, new)
        took.append(1000 * (time.perf_counter() - began))
    return median(took)


async def _hear(pool: db.Database, desk: Desk, signal: Signal) -> None:
    events = [an_event(a_profile("token", signal.customer_id)), an_event(signal)]
    async with pool.transaction() as connection:
        await desk.hear(connection, [Item(each.source, each.id, each) for each in events], START)
