"""Rows go when their time is over, not before, and nothing that is counted falls."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared import db, migrate, retention
from shared.retention import Rule
from tests.integration.privacy.house import KERNEL, SERVICES, House
from tests.integration.privacy.test_erasure import live
from tests.support.clock import START, ManualClock
from tests.support.databases import Databases

MOMENT = timedelta(microseconds=1)
DAYS = timedelta(days=400)
WITHOUT_END: Mapping[str, str] = {
    "ask.candidates": "moments go when their turn has come",
    "ask.contacts": "cards are kept until the customer is erased",
    "ask.customers": "the place where decisions about one person take turns",
    "ask.opt_outs": "a wish to be left alone has no end",
    "ask.cases": "which cases hold asks back: an id and a flag",
    "ask.rhythms": "one row for each touchpoint",
    "ask.channel_rates": "one row for each channel",
    "route.endpoints": "only those that refuse us now",
    "close.fixes": "what a team put right, about no customer",
}


async def prune(house: House, now: datetime) -> None:
    """Do all that is to be done by then, as the worker does: slice by slice, in rounds."""
    more = True
    while more:
        more = False
        for service, rules in house.rules.items():
            for rule in rules:
                async with house.runtimes[service].database.transaction() as connection:
                    more |= await retention.prune(connection, rule, now)


async def counts(house: House) -> dict[str, int]:
    """How many rows there are in the tables that have a limit."""
    return {
        f"{service}.{table}": (await house.rows(service, f"select count(*) from {table}"))[0][0]
        for service in SERVICES
        for table in sorted(await house.tables(service) - KERNEL)
        if f"{service}.{table}" not in WITHOUT_END
    }


async def test_every_table_has_a_limit_or_a_reason_to_have_none(house: House) -> None:
    limited = {
        f"{service}.{table}"
        for service, rules in house.rules.items()
        for rule in rules
        for table in (rule.table, *rule.along)
    }
    there = {
        f"{service}.{table}"
        for service in SERVICES
        for table in await house.tables(service) - KERNEL
    }
    assert there - limited == set(WITHOUT_END), "give a new table a Rule in retention.py"


async def test_every_limit_looks_only_at_what_is_old(house: House) -> None:
    for service, rules in house.rules.items():
        for rule in rules:
            async with house.runtimes[service].database.connection() as connection:
                await connection.execute("set enable_seqscan = off")
                await connection.execute("set enable_sort = off")
                plan = await connection.fetch(f"explain {rule.sql}", START)
                oldest = "\n".join(row[0] for row in plan).partition("InitPlan")[2]
                await connection.execute("reset all")
            by_time = rf"Index Cond: \(.*\b{rule.at} < "
            assert re.search(by_time, oldest), f"{service}.{rule.table} has no index"


async def test_what_is_over_goes_everywhere_and_no_counter_falls(
    house: House, clock: ManualClock
) -> None:
    await live(house)
    await house.execute("close", "update cases set state = 'closed'")
    await house.execute("route", "update cases set state = 'closed', open = false")
    await house.execute("console", "update cases set state = 'closed'")
    await house.execute("route", "update deliveries set state = 'delivered'")
    await house.execute("ask", "update invitations set state = 'sent', sent_at = $1", START)
    tallies = {
        service: await house.rows(service, "select * from tallies order by 1, 2")
        for service in SERVICES
    }
    before = await counts(house)
    await prune(house, START + timedelta(days=6))
    assert await counts(house) == before, "nothing is over yet"
    await prune(house, START + timedelta(days=1200))
    left = {table: count for table, count in (await counts(house)).items() if count}
    assert left == {}
    for service in SERVICES:
        assert await house.rows(service, "select * from tallies order by 1, 2") == tallies[service]


async def test_a_case_goes_only_once_it_has_ended(house: House) -> None:
    await live(house)
    await prune(house, START + timedelta(days=4000))
    for service in ("close", "route", "console"):
        assert await house.rows(service, "select from cases"), service
    assert await house.rows("close", "select from case_events")


@pytest.fixture
async def table(databases: Databases, tmp_path: Path) -> AsyncIterator[db.Connection]:
    """A table with one row, and one that belongs to it."""
    async with databases.one() as dsn:
        migrations = tmp_path / "migrations"
        migrations.mkdir()
        (migrations / "0001_things.sql").write_text(
            "create table things (id integer, at timestamptz);"
            "create table parts (id integer);"
            "create index things_at on things (at)"
        )
        await migrate.apply(dsn, "things", migrations)
        connection = await db.connect(dsn, "things")
        await connection.execute("insert into things values (1, $1)", START)
        await connection.execute("insert into parts values (1), (2)")
        yield connection
        await connection.close()


RULE = Rule("things", "at", lambda: DAYS, key="id", along=("parts",))


@pytest.mark.parametrize(
    ("age", "left"),
    [
        pytest.param(DAYS, [1, 2], id="exactly as old as it may be"),
        pytest.param(DAYS + MOMENT, [2], id="a moment older"),
    ],
)
async def test_the_limit_is_exact(table: db.Connection, age: timedelta, left: list[int]) -> None:
    assert not await retention.prune(table, RULE, START + age)
    assert await table.fetchval("select count(*) from things") == len(left) - 1
    assert [row["id"] for row in await table.fetch("select id from parts order by id")] == left


async def test_what_is_old_goes_in_slices_the_oldest_first(table: db.Connection) -> None:
    await table.execute(
        "insert into things select n, $1::timestamptz + n * interval '1 second'"
        " from generate_series(2, $2) n",
        START,
        retention.AT_ONCE + 1,
    )
    late = START + DAYS * 2
    assert await retention.prune(table, RULE, late)
    assert [row["id"] for row in await table.fetch("select id from things")] == [
        retention.AT_ONCE + 1
    ]
    assert not await retention.prune(table, RULE, late)
    assert await table.fetchval("select count(*) from things") == 0
