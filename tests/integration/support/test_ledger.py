"""Each rule of the ledger finds what breaks it, and nothing where nothing happened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from tests.support.databases import Databases
from tests.support.ledger import RULES
from tests.support.stack import migrate_all

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row = tuple[str, Mapping[str, object]]
ONE = UUID(int=1)
BREAKS: Mapping[str, Sequence[Row]] = {
    "an ask comes of a decision to ask": [
        ("ask.decisions", {"decision_id": ONE, "outcome": "case"}),
        ("ask.invitations", {"decision_id": ONE, "state": "sent"}),
    ],
    "an ask on its way ended, or is named as one nobody knows the end of": [
        ("ask.invitations", {"state": "sending"}),
    ],
    "a low answer that is linked to its customer is in one case": [
        ("collect.responses", {"response_id": "r", "band": "low", "completed_at": "now"}),
        ("route.responses", {"response_id": "r", "case_id": "gone"}),
    ],
    "a case of one room stands in every room": [
        ("route.cases", {"case_id": "c"}),
        ("close.cases", {"case_id": "c"}),
    ],
    "a score that a case has is a score that was given": [
        ("close.case_scores", {"case_id": "c", "response_id": "r"}),
    ],
    "a case was told to a person or a system of its team, or escalated": [
        ("route.cases", {"case_id": "c"}),
        ("route.deliveries", {"case_id": "c", "state": "due"}),
    ],
    "a history has no gap": [
        ("close.case_events", {"case_id": "c", "version": 1}),
        ("close.case_events", {"case_id": "c", "version": 3}),
    ],
    "nothing waits that could go": [("collect.outbox", {})],
    "an open case has a timer": [("close.cases", {"case_id": "c", "state": "new"})],
    "the metrics of closed loops are what the histories come to": [
        ("close.case_events", {"case_id": "c", "version": 1, "type": "resolved"}),
        ("close.tallies", {"metric": "cases_resolved", "value": 2}),
    ],
}
EMPTY = {
    "integer": 0,
    "smallint": 0,
    "bigint": 0,
    "double precision": 0.0,
    "boolean": False,
    "interval": timedelta(0),
    "uuid": UUID(int=2),
    "jsonb": "{}",
    "ARRAY": [],
    "bytea": b"",
}
REQUIRED = """select column_name as name, data_type as kind from information_schema.columns
    where table_schema = $1 and table_name = $2 and is_nullable = 'NO' and column_default is null
      and is_generated = 'NEVER' and is_identity = 'NO'"""


@pytest.fixture
async def tables(databases: Databases) -> AsyncIterator[Connection]:
    """The tables of all services, and nothing that holds a wrong row off."""
    async with databases.one() as dsn:
        await migrate_all(dsn)
        connection = await asyncpg.connect(dsn)
        await connection.execute("set session_replication_role = replica")
        try:
            yield connection
        finally:
            await connection.close()


async def put(connection: Connection, table: str, values: Mapping[str, object]) -> None:
    """A row with these values; what else it needs is empty, and every time is now."""
    required = await connection.fetch(REQUIRED, *table.split("."))
    row: dict[str, Any] = {each["name"]: EMPTY.get(each["kind"], "now") for each in required}
    row.update(values)
    given = {name: value for name, value in row.items() if value != "now"}
    places = [f"${number}" for number in range(1, len(given) + 1)]
    names = [*given, *(name for name in row if name not in given)]
    values_of = [*places, *("now()" for name in row if name not in given)]
    await connection.execute(
        f"insert into {table} ({', '.join(names)}) values ({', '.join(values_of)})",  # noqa: S608  (names are the tests' own)
        *given.values(),
    )


async def test_nothing_breaks_a_rule_where_nothing_happened(tables: Connection) -> None:
    assert BREAKS.keys() == RULES.keys()
    for query in RULES.values():
        assert await tables.fetch(query) == []


@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_finds_what_breaks_it(tables: Connection, rule: str) -> None:
    for table, values in BREAKS[rule]:
        await put(tables, table, values)
    assert len(await tables.fetch(RULES[rule])) == 1
