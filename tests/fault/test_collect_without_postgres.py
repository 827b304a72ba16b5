"""PostgreSQL goes and comes back: no page says thanks meanwhile, and no word is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from shared.links import Links
from tests.support import answering
from tests.support.alone import alone
from tests.support.databases import Databases
from tests.support.postgres import PostgresServer
from tests.support.stack import LINK_KEY, TOKEN
from tests.support.wait import eventually

pytestmark = pytest.mark.timeout(300)
WORDS = 'Nobody "called" back.\n电梯坏了 <三天>'
INPUT = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
TEXT = re.compile(r'<textarea id="comment" name="comment"[^>]*>\n(.*?)</textarea>', re.S)
Form = Mapping[str, str]


class Browser:
    """What a customer without scripts can do: send a form, and send again what the page kept."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def send(self, url: str, form: Form) -> tuple[int, str]:
        async with self._client.post(url, data=form, allow_redirects=False) as said:
            return said.status, await said.text()

    async def kept(self, url: str, form: Form) -> Form:
        """Send it in vain; returns the form that the page holds out to be sent again."""
        status, page = await self.send(url, form)
        assert status == 503, page
        assert "thank" not in page.lower()
        assert "Nothing is lost: it is kept on this page." in page
        assert f'action="{urlsplit(url).path}"' in page
        again = {name: unescape(value) for name, value in INPUT.findall(page)}
        found = TEXT.search(page)
        return {**again, **({"comment": unescape(found[1])} if found else {})}

    async def through(self, url: str, form: Form) -> None:
        """Press "Try again" until it is taken."""

        async def taken() -> bool:
            return (await self.send(url, form))[0] == 303

        await eventually(taken, within=60, every=0.2)


async def test_a_page_keeps_what_was_said_while_postgresql_is_away_and_it_counts_once_when_back(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    await asyncio.to_thread(own_postgres.start)
    async with (
        alone("collect", Databases(own_postgres.dsn), tmp_path) as stack,
        aiohttp.ClientSession() as client,
    ):
        browser, links = Browser(client), Links([LINK_KEY])
        await answering.invited(stack, [1, 2])
        first, second = (
            stack.url("collect", f"/s/{links.sign('survey', answering.invitation_id(number))}")
            for number in (1, 2)
        )
        await browser.through(second, {"score": "5"})
        anything, program = stack.url("collect", "/f"), stack.url("collect", "/v1/responses")
        said = {"comment": WORDS, "score": "1", "customer": "c-9", "urgent": "yes", "key": "k-1"}
        posted = {"touchpoint": "first-bill", "customer_id": "c-8", "score": 2}
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "k-2"}

        await asyncio.to_thread(own_postgres.stop)
        score = await browser.kept(first, {"score": "4"})
        more = {"comment": WORDS, "contact": "yes", "reason": "unclear"}
        comment = await browser.kept(f"{second}/more", more)
        feedback = await browser.kept(anything, said)
        assert (score, comment, feedback) == ({"score": "4"}, more, said)
        async with client.post(program, json=posted, headers=headers) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        async with client.get(first) as shown:
            assert (shown.status, "We cannot save anything right now" in await shown.text()) == (
                503,
                True,
            )

        await asyncio.to_thread(own_postgres.start)
        for _ in range(2):  # the second time as an impatient finger would
            await browser.through(first, score)
            await browser.through(f"{second}/more", comment)
            await browser.through(anything, feedback)
        async with client.post(program, json=posted, headers=headers) as kept:
            assert kept.status == 201
        async with stack.reading("collect") as connection:
            rows = await connection.fetch("select customer_id, score, comment from responses")
            told = await connection.fetch("select customer_id, text from feedback")
        assert sorted(map(tuple, rows), key=str) == [
            ("c-8", 2, None),
            ("customer-1", 4, None),
            ("customer-2", 5, WORDS),
        ]
        assert [tuple(row) for row in told] == [("c-9", WORDS)]
