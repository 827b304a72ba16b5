"""Events are remembered as long as they may come again."""

from __future__ import annotations

from datetime import timedelta

from shared import db, inbox
from tests.support.clock import START


async def accepted(database: db.Database, *ids: str) -> set[str]:
    async with database.transaction() as connection:
        new = await inbox.accept(connection, [("shop", id) for id in ids], START)
    return {id for _, id in new}


async def test_only_new_events_are_accepted(kernel_db: db.Database) -> None:
    assert await accepted(kernel_db, "a", "b", "a") == {"a", "b"}
    assert await accepted(kernel_db, "b", "c") == {"c"}


async def test_the_same_id_of_another_source_is_another_event(kernel_db: db.Database) -> None:
    await accepted(kernel_db, "a")
    async with kernel_db.transaction() as connection:
        assert await inbox.accept(connection, [("billing", "a")], START) == {("billing", "a")}


async def test_events_are_forgotten_after_two_weeks_and_not_before(kernel_db: db.Database) -> None:
    await accepted(kernel_db, "a")
    async with kernel_db.transaction() as connection:
        await inbox.prune(connection, START + inbox.KEPT)
    assert await accepted(kernel_db, "a") == set()
    async with kernel_db.transaction() as connection:
        await inbox.prune(connection, START + inbox.KEPT + timedelta(microseconds=1))
    assert await accepted(kernel_db, "a") == {"a"}
