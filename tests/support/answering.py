"""Customers and programs that answer all at once, and do not give up before they are thanked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import aiohttp

from shared.clock import SystemClock
from shared.contracts.envelope import stable_id
from shared.links import Links
from tests.support.stack import LINK_KEY, TOKEN, Stack

Answer = Callable[[aiohttp.ClientSession, int], Awaitable[str | None]]
"""Gives one answer; returns what it was told that answer is, None when it was not taken."""

PATIENCE = 90.0


async def crowd(answer: Answer, numbers: Iterable[int], at_once: int) -> dict[int, str]:
    """Let many answer side by side, each until it was told that its answer is kept."""
    left, acknowledged = iter(numbers), dict[int, str]()
    timeout = aiohttp.ClientTimeout(total=10)

    async def one_after_the_other(client: aiohttp.ClientSession) -> None:
        for number in left:
            acknowledged[number] = await _until_taken(answer, client, number)

    async with aiohttp.ClientSession(timeout=timeout) as client, asyncio.timeout(600):
        await asyncio.gather(*(one_after_the_other(client) for _ in range(at_once)))
    return acknowledged


async def _until_taken(answer: Answer, client: aiohttp.ClientSession, number: int) -> str:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                taken = await answer(client, number)
            except (aiohttp.ClientError, TimeoutError):
                taken = None
            if taken is not None:
                return taken
            await asyncio.sleep(0.05)


def by_api(stack: Stack) -> Answer:
    """A program: the same key again and again until it is thanked."""

    async def answer(client: aiohttp.ClientSession, number: int) -> str | None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"key-{number}"}
        body = {"touchpoint": "first-bill", "customer_id": f"customer-{number}", "score": 2}
        url = stack.url("collect", "/v1/responses")
        async with client.post(url, json=body, headers=headers) as said:
            return str((await said.json())["response_id"]) if said.status == 201 else None

    return answer


def by_page(stack: Stack) -> Answer:
    """A customer with a link, who presses Send until the next page comes."""
    links = Links([LINK_KEY])

    async def answer(client: aiohttp.ClientSession, number: int) -> str | None:
        url = stack.url("collect", f"/s/{links.sign('survey', invitation_id(number))}")
        async with client.post(url, data={"score": "2"}, allow_redirects=False) as said:
            return stable_id("response", invitation_id(number)) if said.status == 303 else None

    return answer


def invitation_id(number: int) -> str:
    """Of the ask that a customer answers."""
    return stable_id("invitation", str(number))


async def invited(stack: Stack, numbers: Sequence[int]) -> None:
    """The asks as `collect` keeps them, without the way over the topic."""
    now: datetime = SystemClock().now()
    async with stack.reading("collect") as connection:
        await connection.executemany(
            "insert into invitations (invitation_id, state, touchpoint, survey, customer_id,"
            " channel, occurred_at, expires_at, at, attribution, attributes)"
            " values ($1, 'sent', 'first-bill', 'bill-effort', $2, 'email', $3, $4, $3, $5, $5)",
            [
                (
                    invitation_id(number),
                    f"customer-{number}",
                    now,
                    now + timedelta(days=14),
                    json.dumps({}),
                )
                for number in numbers
            ],
        )
