"""An old key of contact details can go: everything under it is brought under the new one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import astuple, replace

import pytest
from typer.testing import CliRunner

from services.ask import contacts
from services.ask.__main__ import app
from services.ask.http.customers import ENCRYPTED
from services.ask.rekeying import PLACES, QUERIES, Count, walk
from services.ask.sweep import Sender
from shared import db
from shared.pii import Pii
from shared.wake import Wake
from tests.integration.ask.ground import KEYS, Post, states
from tests.unit.ask.moments import a_profile

(OLD,) = KEYS
NEW = "n" * 32
BOTH = Pii([NEW, OLD])
TOKENS = """
select value as token from contacts where field = any($1)
union all select dead_value from contacts where dead_value is not null
union all select sent_to from invitations where sent_to is not null
"""


async def rekeyed(
    pool: db.Database, batch: int = 2, pii: Pii = BOTH, *, renew: bool = True
) -> Count:
    """One run of the command's work."""
    counted = Count()
    async with pool.connection() as connection:
        async for each in walk(connection, pii, batch, renew=renew):
            counted.add(each)
    return counted


async def save(pool: db.Database, *customers: str, pii: Pii) -> None:
    """Cards of these, as they come from the topic."""
    async with pool.transaction() as connection:
        await contacts.save_profiles(
            connection,
            [
                a_profile(pii.encrypt(f"{each}@example.com"), each, name=pii.encrypt(each))
                for each in customers
            ],
        )


async def opened_by(pool: db.Database, *keys: str) -> list[str]:
    """Every encrypted detail that stands anywhere, with these keys alone."""
    async with pool.connection() as connection:
        rows = await connection.fetch(TOKENS, sorted(ENCRYPTED))
    return sorted(Pii(keys).decrypt(row["token"]) for row in rows)


async def of_a_bounce(post: Post) -> None:
    """One customer who was asked, whose address bounced, and who has another one now."""
    post.use("email")
    await post.plan()
    await post.sender("email").step()
    async with post.pool.transaction() as connection:
        known, _ = await contacts.address(connection, "kim", "email")
        await contacts.mark_dead(connection, "kim", "email", known, known)
    await save(post.pool, "ada", "bob", "kim", pii=Pii([OLD]))


async def test_every_place_is_brought_under_the_new_key_and_then_nothing_is_left_to_do(
    post: Post,
) -> None:
    await of_a_bounce(post)
    before = await opened_by(post.pool, OLD)
    assert (await rekeyed(post.pool, renew=False)).older == len(before)
    assert await opened_by(post.pool, OLD) == before
    assert astuple(await rekeyed(post.pool)) == (0, len(before), 0, 0)
    assert await opened_by(post.pool, NEW) == before
    assert astuple(await rekeyed(post.pool)) == (len(before), 0, 0, 0)
    # What is not encrypted is left alone.
    async with post.pool.connection() as connection:
        assert await contacts.dead(connection, "kim") == []


async def test_asks_are_mailed_and_bounces_recognised_when_the_old_key_is_gone(post: Post) -> None:
    post.use("email")
    await post.plan()
    await rekeyed(post.pool)
    outbound = replace(post.outbound(), pii=Pii([NEW]))
    await Sender(post.pool, post.clock, Wake(post.pool), outbound, "email").step()
    assert await states(post.pool) == ["sent"]
    assert [mail.recipients for mail in post.mails.mails] == [("kim@example.com",)]
    async with post.pool.connection() as connection:
        known, _ = await contacts.address(connection, "kim", "email")
        sent_to = await connection.fetchval("select sent_to from invitations")
    assert outbound.same(known, sent_to)


async def test_a_run_that_ends_early_is_gone_on_with(pool: db.Database) -> None:
    await save(pool, *"abcde", pii=Pii([OLD]))
    async with pool.connection() as connection:
        steps = walk(connection, BOTH, 3, renew=True)
        assert (await anext(steps)).renewed == 3
        await steps.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert astuple(await rekeyed(pool)) == (3, 7, 0, 0)


async def test_whoever_holds_a_row_is_not_waited_for_and_what_they_write_stays(
    pool: db.Database,
) -> None:
    await save(pool, "ada", "bob", pii=Pii([OLD]))
    other = await db.connect(pool.dsn, "ask")
    try:
        async with other.transaction():
            newer = a_profile(Pii([OLD]).encrypt("ada@elsewhere.example"), "ada")
            await contacts.save_profiles(other, [newer])
            async with asyncio.timeout(20):
                assert astuple(await rekeyed(pool)) == (0, 3, 1, 0)
        assert astuple(await rekeyed(pool)) == (3, 1, 0, 0)
    finally:
        await other.close()
    assert "ada@elsewhere.example" in await opened_by(pool, NEW)


async def test_what_no_key_opens_is_counted_and_left_as_it_is(pool: db.Database) -> None:
    foreign = "f" * 32
    await save(pool, "ada", pii=Pii([foreign]))
    await save(pool, "bob", pii=Pii([OLD]))
    assert astuple(await rekeyed(pool)) == (0, 2, 0, 2)
    async with pool.connection() as connection:
        card = (await contacts.cards(connection, ["ada"]))["ada"]
    assert Pii([foreign]).decrypt(card.email or "") == "ada@example.com"


def said(dsn: str, *options: str, keys: str = f"{NEW},{OLD}") -> tuple[int, str]:
    """Exit code and output of `touchback ask reencrypt`."""
    environment: Mapping[str, str] = {
        "TOUCHBACK_POSTGRES_DSN": dsn,
        "TOUCHBACK_PII_KEYS": keys,
    }
    result = CliRunner().invoke(app, ["reencrypt", *options], env=environment)
    return result.exit_code, result.output


async def test_the_command_says_how_many_remain_and_exits_with_1_while_any_does(
    pool: db.Database,
) -> None:
    await save(pool, "ada", "bob", pii=Pii([OLD]))
    code, words = await asyncio.to_thread(said, pool.dsn, "--check")
    assert (code, words) == (
        1,
        "0 details under the newest key (0 brought there now), 4 under an older one\n",
    )
    code, words = await asyncio.to_thread(said, pool.dsn, "--batch", "1")
    assert (code, words) == (
        0,
        "4 details under the newest key (4 brought there now), 0 under an older one\n",
    )
    code, words = await asyncio.to_thread(said, pool.dsn, "--check", "--json")
    assert (code, json.loads(words)) == (
        0,
        {"newest": 4, "renewed": 0, "older": 0, "unreadable": 0},
    )
    code, words = await asyncio.to_thread(said, pool.dsn, "--check", keys="x" * 32)
    assert (code, words.rpartition(", ")[2]) == (
        0,
        "4 under a key that TOUCHBACK_PII_KEYS does not hold\n",
    )


@pytest.mark.parametrize(
    ("dsn", "keys", "complaint"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", NEW, "PostgreSQL is away"),
        ("postgresql://nobody@127.0.0.1:1/none", "short", "TOUCHBACK_PII_KEYS"),
    ],
)
def test_what_hinders_the_command_is_one_line_and_exit_2(
    dsn: str, keys: str, complaint: str
) -> None:
    code, words = said(dsn, keys=keys)
    assert (code, words.count("\n")) == (2, 1)
    assert complaint in words


async def test_every_query_can_be_prepared(pool: db.Database) -> None:
    assert set(QUERIES) == {f"{place}_{what}" for place in PLACES for what in ("after", "renew")}
    async with pool.connection() as connection:
        for query in QUERIES.values():
            await connection.prepare(query)
