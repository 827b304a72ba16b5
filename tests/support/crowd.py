"""Many customers of a running loop: each has a ticket closed, is asked, and gives a low score."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from shared import topics
from shared.clock import SystemClock
from tests.support import ledger, outside, reading
from tests.support.stack import World
from tests.support.wait import eventually

AT_LAST = 120.0
DOMAIN = "customers.example"


@dataclass(slots=True)
class Crowd:
    """`doors` says which replicas of `collect` stand behind the public address now.

    One ticket after the other is closed until `enough` is set or nobody is left.
    """

    world: World
    size: int
    doors: Callable[[], Sequence[str]]
    asked: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def names(self) -> list[str]:
        """Everybody."""
        return [f"c-{number}" for number in range(self.size)]

    async def register(self) -> None:
        """Tell who they are, and wait until `ask` knows."""
        now = SystemClock().now()
        cards = [outside.a_customer(name, now) for name in self.names]
        await outside.publish(self.world.stack, "crm.customers", *cards)

        async def known() -> bool:
            return await self.world.stack.count("ask", "customers") == self.size

        await eventually(known, within=AT_LAST, every=0.2)

    async def live(self, every: float, within: float) -> None:
        """Close a ticket every so many seconds; return when all who were asked have answered."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tickets(every))
            group.create_task(self._answers(within))

    async def _tickets(self, every: float) -> None:
        async with outside.producing(self.world.stack) as producer:
            for name in self.names:
                if self.enough.is_set():
                    break
                ticket = outside.a_closed_ticket(name, SystemClock().now())
                value, key = outside.as_record(ticket)
                await producer.send_and_wait("support.events", value=value, key=key)
                self.asked.add(name)
                await asyncio.sleep(every)
        self.enough.set()

    async def _answers(self, within: float) -> None:
        doors = (self.doors()[turn % len(self.doors())] for turn in itertools.count())
        async with aiohttp.ClientSession() as client:

            async def all_of_them() -> bool:
                for name, link in self._letters().items():
                    if name not in self.answered and await _said(client, next(doors) + link, name):
                        self.answered.add(name)
                return self.enough.is_set() and self.answered == self.asked

            await eventually(all_of_them, within=within, every=0.1)

    async def more(self, count: int) -> int:
        """Wait until so many more have answered; returns how many have."""
        before = len(self.answered)
        await eventually(lambda: len(self.answered) >= before + count, within=AT_LAST, every=0.1)
        return len(self.answered)

    def _letters(self) -> dict[str, str]:
        """Customer -> path of the link in the mail."""
        found = {}
        for mail in self.world.mails.mails:
            link = re.search(r"http://\S+/s/\S+", mail.text)
            for to in mail.recipients:
                if link and to.endswith(DOMAIN):
                    found[to.partition("@")[0]] = urlsplit(link[0]).path
        return found

    def mails(self) -> Counter[str]:
        """How many mails each customer got."""
        every = (to for mail in self.world.mails.mails for to in mail.recipients)
        return Counter(to.partition("@")[0] for to in every if to.endswith(DOMAIN))

    def alerts(self) -> Counter[str]:
        """How often each alert was told to a team's system."""
        return Counter(call.headers["webhook-id"] for call in self.world.hooks.calls)

    async def settle(self) -> None:
        """Wait until everything that was said has come to its end."""
        await reading.rest(self.world.stack, AT_LAST)

    async def check(self) -> None:
        """Each answer is one response, one case everywhere and one alert; nothing was refused."""
        stack, wanted = self.world.stack, len(self.answered)
        assert await stack.count("collect", "responses") == wanted
        for service in ("route", "close", "console"):
            assert await stack.count(service, "cases") == wanted, service
        assert len(self.alerts()) == wanted
        assert await reading.records(stack, topics.DEAD_LETTERS) == []
        await ledger.check(self.world)


async def _said(client: aiohttp.ClientSession, link: str, name: str) -> bool:
    """Whether it was taken; who meets a closed door or a page to come tries again later."""
    try:
        await outside.answer(client, link, 1, f"Said by {name}.")
    except (aiohttp.ClientError, AssertionError):
        return False
    return True
