"""`up`, and a generated day: events are published, customers answer, teams get their alerts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from random import Random
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer

from services.local import life
from services.local.life import Customer, Happening
from services.local.post import subject_of, survey_link
from services.local.screen import Screen
from shared import kafka, topics
from shared.clock import Clock
from shared.consume import own_messages, raw
from shared.contracts.signals import Profile
from shared.errors import UnreadableMessage
from shared.settings import Settings

SPEED = 60
PEOPLE = 300
HAPPENINGS = 1440
ANSWERS = 0.7
THINKING = (0.5, 4.0)
WATCHED = (
    topics.SIGNALS,
    topics.PROFILES,
    topics.DECISIONS,
    topics.RESPONSES,
    topics.CASES,
)
_SCORES = re.compile(r'name="score"[^>]*value="(\d+)"')
Sleep = Callable[[float], Awaitable[None]]


class Demo:
    """One day. Everything it learns comes through the same doors as in life: topics, mail, HTTP."""

    def __init__(
        self,
        settings: Settings,
        screen: Screen,
        clock: Clock,
        random: Random,
        pages: str | None = None,
    ) -> None:
        """`pages` is where `collect` is reached from here, when that is not its public address."""
        run = f"{int(clock.now().timestamp()):x}"
        self._pages = pages or settings.public_url
        self._settings = settings
        self._screen = screen
        self._clock = clock
        self._random = random
        self._people = {each.id: each for each in life.customers(run, PEOPLE, random)}
        self._cards: set[str] = set()
        self._known = asyncio.Event()
        self._watching = asyncio.Event()
        self._answering: set[asyncio.Task[None]] = set()

    # --- the company's systems -----------------------------------------------------------------

    async def play(self) -> None:
        """Publish the contact cards, then the day at 60 times its speed."""
        await self._watching.wait()
        producer = await kafka.producer(self._settings)

        async def publish(happening: Happening) -> None:
            key, value = happening.customer.encode(), json.dumps(happening.body).encode()
            await producer.send(happening.topic, value, key=key)

        try:
            for customer in self._people.values():
                await publish(life.card(customer, self._clock.now()))
            await producer.flush()
            await self._known.wait()
            await self._day(publish)
        finally:
            await producer.stop()

    async def _day(self, publish: Callable[[Happening], Awaitable[None]]) -> None:
        began = self._clock.now()
        for happening in life.day(list(self._people.values()), HAPPENINGS, self._random):
            due = began + happening.after / SPEED
            await asyncio.sleep(max(0.0, (due - self._clock.now()).total_seconds()))
            # It happened yesterday, so that delays of up to a day are over.
            at = (self._clock.now() - life.DAY).isoformat()
            await publish(replace(happening, body={**happening.body, "at": at}))
        self._screen.say("The day is over. Services stay up until Ctrl-C.")

    # --- what the screen sees ------------------------------------------------------------------

    async def watch(self) -> None:
        """Show what goes over Touchback's topics from now on, until cancelled."""
        consumer = AIOKafkaConsumer(
            *WATCHED,
            **kafka.client_options(self._settings),
            auto_offset_reset="latest",
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            await consumer.seek_to_end()
            self._watching.set()
            async for record in consumer:
                self._show(record)
        finally:
            await consumer.stop()

    def _show(self, record: Any) -> None:
        try:
            items = own_messages(raw(record))
        except UnreadableMessage as error:
            self._screen.say(f"unreadable: {error}", "red")
            return
        for item in items:
            if isinstance(item.value.body, Profile):
                self._card(item.value.body.customer_id)
            self._screen.event(item.value)

    def _card(self, customer_id: str) -> None:
        self._cards.add(customer_id)
        if self._cards >= self._people.keys():
            self._known.set()

    # --- customers and teams -------------------------------------------------------------------

    async def mail(self, recipient: str, message: EmailMessage) -> None:
        """Take a mail: a customer may answer it, a team has been told."""
        name, _, domain = recipient.partition("@")
        if domain != life.DOMAIN:
            self._screen.say(f"!  {name} has mail: {message['subject']}", "bold")
            return
        # A mail that an earlier day left over finds nobody at home.
        customer, link = self._people.get(name), survey_link(message)
        if customer and link and self._random.random() < ANSWERS:
            here = link.replace(self._settings.public_url, self._pages, 1)
            task = asyncio.create_task(self._answer(customer, here))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def hook(self, team: str, body: dict[str, Any]) -> None:
        """Take a team's webhook."""
        received = datetime.fromisoformat(body["received_at"])
        seconds = (self._clock.now() - received).total_seconds()
        self._screen.delivered(team, "webhook", subject_of(body), seconds)

    async def stop(self) -> None:
        """Let no customer go on answering."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    async def _answer(self, customer: Customer, link: str) -> None:
        await asyncio.sleep(self._random.uniform(*THINKING))
        try:
            await self._visit(customer, link)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._screen.say(f"{customer.id} could not answer: {error}", "red")

    async def _visit(self, customer: Customer, link: str) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as browser:
            async with browser.get(link) as page:
                scores = [int(value) for value in _SCORES.findall(await page.text())]
            if not scores:
                self._screen.say(f"{customer.id} found no question behind the link", "red")
                return
            score = self._random.choice(scores)
            async with browser.post(link, data={"score": str(score)}) as more:
                unhappy = (score - scores[0]) / (scores[-1] - scores[0]) < 0.5
                words = life.comment(unhappy, customer.language, self._random)
                async with browser.post(more.url, data={"comment": words}) as thanks:
                    thanks.raise_for_status()
