"""Counters in the database: they add up, over writers and restarts."""

from __future__ import annotations

import asyncio

from shared import db, tallies
from shared.metrics import TallyMetric, read_tallies
from shared.tallies import Tally

METRIC = TallyMetric(
    "decisions", "What became of signals.", ("touchpoint", "decision"), (("bill", "ask"),)
)


async def add(database: db.Database, *counts: tuple[str, str]) -> None:
    tally = Tally()
    for labels in counts:
        tally.add("decisions", *labels)
    async with database.transaction() as connection:
        await tally.write(connection)


async def values(database: db.Database) -> dict[tuple[str, ...], float]:
    async with database.connection() as connection:
        (family,) = await read_tallies(connection, [METRIC])
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


async def test_a_label_set_shows_as_zero_before_its_first_event(kernel_db: db.Database) -> None:
    assert await values(kernel_db) == {("bill", "ask"): 0}


async def test_counts_of_transactions_add_up(kernel_db: db.Database) -> None:
    await add(kernel_db, ("bill", "ask"), ("bill", "ask"), ("bill", "silent"))
    await add(kernel_db, ("bill", "ask"))
    assert await values(kernel_db) == {("bill", "ask"): 3, ("bill", "silent"): 1}


async def test_writers_side_by_side_lose_no_count_and_never_deadlock(
    kernel_db: db.Database,
) -> None:
    forwards = [("bill", "ask"), ("bill", "silent"), ("order", "ask")]
    writers = (add(kernel_db, *(forwards if n % 2 else forwards[::-1])) for n in range(40))
    await asyncio.gather(*writers)
    assert await values(kernel_db) == dict.fromkeys(forwards, 40)


async def test_a_metric_without_labels_is_counted_too(kernel_db: db.Database) -> None:
    tally = Tally()
    tally.add("rule_errors", by=2)
    async with kernel_db.transaction() as connection:
        await tally.write(connection)
        assert await tallies.read(connection) == {"rule_errors": {(): 2}}


async def test_a_rolled_back_transaction_counts_nothing(kernel_db: db.Database) -> None:
    class Undone(Exception):
        """Ends the transaction."""

    tally = Tally()
    tally.add("decisions", "bill", "ask")
    try:
        async with kernel_db.transaction() as connection:
            await tally.write(connection)
            raise Undone
    except Undone:
        pass
    assert await values(kernel_db) == {("bill", "ask"): 0}
