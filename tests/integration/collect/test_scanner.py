"""A program that opens every link, as mail scanners do, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.applications import Starlette
from starlette.routing import Route

from shared.links import Links
from tests.integration.collect.service import KEY, Collect

AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/605.1",
    "Mozilla/5.0 (compatible; SafeLinks/1.0)",
    "",
)
QUERIES = ("", "?score=0", "?score=10", "?score=3&lang=zh", "?change=1", "?own=1&score=2")


def addresses(app: Starlette) -> Iterator[str]:
    """Every address there is, with every kind of link in it."""
    links = Links([KEY])
    tokens = [links.sign(purpose, "i-1") for purpose in ("survey", "stop")]
    for route in app.routes:
        assert isinstance(route, Route)
        for token in (*tokens, "forged"):
            yield route.path.replace("{token}", token)


async def contents(collect: Collect) -> dict[str, tuple[int, int]]:
    """How many rows each table of the service has, and what is in them."""
    async with collect.runtime.database.connection() as connection:
        tables = await connection.fetch(
            "select table_name from information_schema.tables where table_schema = 'collect'"
        )
        return {
            name: tuple(
                await connection.fetchrow(
                    f"select count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) from {name} t"
                )
            )
            for (name,) in tables
        }


async def test_opening_every_address_writes_nothing(collect: Collect) -> None:
    app = collect.runtime.application()
    for answered in (False, True):
        await collect.invite()
        if answered:
            await collect.browser.post(collect.page, data={"score": "2"})
        before = await contents(collect)
        opened = 0
        for address in sorted(set(addresses(app))):
            for query in QUERIES:
                for agent in AGENTS:
                    for method in ("GET", "HEAD"):
                        headers = {"user-agent": agent}
                        found = await collect.browser.request(
                            method, address + query, headers=headers
                        )
                        assert found.status_code < 500 or address.startswith("/health")
                        opened += 1
        after = await contents(collect)
        assert after == before, f"after {opened} requests"
        assert len(after) >= 9
