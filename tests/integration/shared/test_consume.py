"""Each event once, no record lost: repeats, bad records and handlers that fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import asyncpg
from prometheus_client import CollectorRegistry

from shared import db, migrate
from shared.consume import Consumer, Item
from shared.errors import UnreadableMessage
from shared.metrics import Kernel
from shared.pulse import Pulse
from shared.records import Record
from tests.integration.shared.conftest import SCHEMA
from tests.support.clock import ManualClock
from tests.support.postgres import PostgresServer
from tests.support.wait import eventually


def record(offset: int, value: bytes | None, key: bytes | None = b"c-1") -> Record:
    return Record("orders", 0, offset, 1_700_000_000_000 + offset, key, value, (("h", None),))


def good(offset: int, id: str) -> Record:
    return record(offset, json.dumps({"id": id}).encode())


def parse(given: Record) -> Sequence[Item[str]]:
    if given.value == b"crash":
        raise RecursionError("too deep")
    try:
        return [Item("orders", id, id) for id in [json.loads(given.value or b"")["id"]]]
    except ValueError as error:
        raise UnreadableMessage(f"not JSON: {error}") from error


class Handled:
    """A handler that writes into the database, and fails on ids called `poison`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.query = ""

    async def __call__(
        self, connection: db.Connection, items: Sequence[Item[str]], now: datetime
    ) -> None:
        if self.query:
            await connection.execute(self.query)
        await connection.executemany(
            "insert into tallies values ('handled', array[$1], 1)", [(i.value,) for i in items]
        )
        if any(item.value == "poison" for item in items):
            raise ZeroDivisionError("poison")
        self.batches.append([item.value for item in items])


def consumer(database: db.Database, clock: ManualClock, handled: Handled) -> Consumer[str]:
    return Consumer(
        service="listen",
        database=database,
        clock=clock,
        parse=parse,
        handle=handled,
        counters=Kernel(CollectorRegistry(), "tests").counters,
        pulse=Pulse("consumer", lambda: 0),
    )


async def effects(database: db.Database) -> list[str]:
    async with database.connection() as connection:
        rows = await connection.fetch("select labels[1] from tallies where metric = 'handled'")
    return sorted(row[0] for row in rows)


async def letters(database: db.Database) -> list[asyncpg.Record]:
    async with database.connection() as connection:
        return await connection.fetch("select * from outbox order by position")


def about(letter: asyncpg.Record) -> dict[str, bytes | None]:
    return dict(zip(letter["header_names"], letter["header_values"], strict=True))


async def test_an_event_is_handled_once_however_often_it_comes(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    handled = Handled()
    taking = consumer(kernel_db, clock, handled)
    await taking.take([good(0, "a"), good(1, "b"), good(2, "a")])
    await taking.take([good(0, "a"), good(3, "b"), good(4, "c")])
    assert handled.batches == [["a", "b"], ["c"]], "in the order of their first arrival"


async def test_an_unreadable_record_goes_to_the_dead_letters_as_it_came(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    handled = Handled()
    await consumer(kernel_db, clock, handled).take(
        [good(0, "a"), record(1, b"\xff\x00", key=b"\xfe"), good(2, "b")]
    )
    (letter,) = await letters(kernel_db)
    assert handled.batches == [["a", "b"]]
    assert (letter["aggregatetype"], letter["record_key"], letter["payload"]) == (
        "touchback.dead-letters",
        b"\xfe",
        b"\xff\x00",
    )
    headers = about(letter)
    assert headers["h"] is None
    assert headers["x-error-topic"] == b"orders"
    assert headers["x-error-offset"] == b"1"
    assert headers["x-error-service"] == b"listen"
    assert headers["x-error-class"] == b"UnreadableMessage"
    assert (headers["x-error-message"] or b"").startswith(b"not JSON: ")


async def test_a_record_that_breaks_the_parser_takes_no_other_with_it(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    handled = Handled()
    await consumer(kernel_db, clock, handled).take([record(0, b"crash"), good(1, "a")])
    (letter,) = await letters(kernel_db)
    assert handled.batches == [["a"]]
    assert about(letter)["x-error-class"] == b"RecursionError"


async def test_a_record_without_key_and_body_keeps_having_none(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    await consumer(kernel_db, clock, Handled()).take([record(0, None, key=None)])
    (letter,) = await letters(kernel_db)
    assert (letter["record_key"], letter["payload"]) == (None, None)


async def test_a_record_that_breaks_the_handler_takes_no_other_with_it(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    await consumer(kernel_db, clock, Handled()).take(
        [good(0, "a"), good(1, "poison"), good(2, "b")]
    )
    (letter,) = await letters(kernel_db)
    assert await effects(kernel_db) == ["a", "b"]
    assert about(letter)["x-error-class"] == b"ZeroDivisionError"


async def test_a_refused_record_that_comes_again_is_one_dead_letter(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    taking = consumer(kernel_db, clock, Handled())
    for _ in range(2):
        await taking.take([record(0, b"nonsense"), good(1, "poison")])
    assert len(await letters(kernel_db)) == 2


async def test_a_header_with_a_name_that_postgresql_cannot_keep_blocks_nothing(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    bad = replace(record(0, b"nonsense"), headers=(("a\x00b", b"1"),))
    await consumer(kernel_db, clock, Handled()).take([bad])
    (letter,) = await letters(kernel_db)
    assert about(letter)["a\ufffdb"] == b"1"


async def test_a_fault_of_the_schema_buries_no_record_and_heals(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    handled = Handled()
    handled.query = "select * from of_the_next_release"
    taking = consumer(kernel_db, clock, handled)
    waiting = asyncio.create_task(taking.take([good(0, "a")]))
    await asyncio.wait([waiting], timeout=0.5)
    assert not waiting.done()
    assert await letters(kernel_db) == []
    handled.query = ""
    await asyncio.wait_for(waiting, timeout=10)
    assert handled.batches == [["a"]]


async def test_while_the_database_is_away_the_batch_waits_and_then_is_handled(
    own_postgres: PostgresServer, clock: ManualClock, no_migrations: Path
) -> None:
    own_postgres.start()
    await migrate.apply(own_postgres.dsn, SCHEMA, no_migrations)
    database, handled = db.Database(own_postgres.dsn, SCHEMA), Handled()
    await database.open()
    taking = consumer(database, clock, handled)
    await taking.take([good(0, "a")])
    own_postgres.stop()
    waiting = asyncio.create_task(taking.take([good(1, "b")]))
    await asyncio.wait([waiting], timeout=1.0)
    assert not waiting.done()
    own_postgres.start()
    await eventually(waiting.done, within=30)
    await waiting
    assert handled.batches == [["a"], ["b"]]
    await database.close()
