"""How many bytes the order log leaves behind: in each service's tables and on each topic."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from shared import topics
from tests.support import orderlog, reading
from tests.support.stack import PROJECT, SERVICES, Ground, World, world

DATA = PROJECT.parent / "shared" / "data"
EVENTS = 1000
PER_TABLE = """
select relname, pg_total_relation_size(c.oid) as bytes
from pg_class c where relnamespace = $1::text::regnamespace and relkind = 'r'
order by bytes desc
"""


async def measure(ground: Ground, folder: Path) -> None:
    """Plays the beginning of the log, and prints bytes for each row and record."""
    if not DATA.is_dir():
        print("  skipped: the folder ../shared/data with the order log is not here")
        return
    lines = orderlog.order_log(DATA)[:EVENTS]
    async with world(ground, folder, orderlog.CATALOG) as made:
        made.stack.start()
        await made.stack.ready()
        await orderlog.play(made, lines)
        await reading.rest(made.stack, orderlog.patience())
        print(f"  {len(lines)} source events")
        whole = 0
        for name in SERVICES:
            whole += await _tables(made, name)
        print(f"  tables: {whole / len(lines):.0f} bytes for each source event")
        await _topics(made, len(lines))


async def _tables(made: World, name: str) -> int:
    async with made.stack.reading(name) as connection:
        rows = await connection.fetch(PER_TABLE, name)
        told = [(row["relname"], row["bytes"], await _count(connection, row)) for row in rows]
    held = [each for each in told if each[2] > 100]
    for table, size, count in held:
        print(f"  {name}.{table}: {count} rows, {size / count:.0f} bytes a row with its indexes")
    return sum(size for _, size, _ in held)


async def _count(connection: asyncpg.Connection[asyncpg.Record], row: asyncpg.Record) -> int:
    return int(await connection.fetchval(f'select count(*) from "{row["relname"]}"'))


async def _topics(made: World, events: int) -> None:
    whole = 0
    for topic in (each.name for each in topics.ALL):
        found = await reading.records(made.stack, topic)
        size = sum(
            len(each.value or b"")
            + len(each.key or b"")
            + sum(len(name) + len(value or b"") for name, value in each.headers)
            for each in found
        )
        whole += size
        if found:
            print(f"  {topic}: {len(found)} records of {size / len(found):.0f} bytes")
    print(f"  topics: {whole / events:.0f} bytes for each source event, before compression")
