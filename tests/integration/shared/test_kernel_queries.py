"""Every named query fits the schema: a renamed column fails here, not at night."""

from __future__ import annotations

import pytest

from shared import db, kernel


@pytest.mark.parametrize("name", sorted(kernel.QUERIES))
async def test_the_query_can_be_prepared(kernel_db: db.Database, name: str) -> None:
    async with kernel_db.connection() as connection:
        statement = await connection.prepare(kernel.QUERIES[name])
        assert statement.get_query() == kernel.QUERIES[name]
