"""The generated day on services elsewhere: links lead where they are reached from here."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from pathlib import Path
from random import Random

from aiohttp import web
from rich.console import Console

from services.local import life
from services.local.demo import PEOPLE, Demo
from services.local.play import PlayerSettings
from services.local.screen import Screen
from tests.support.clock import ManualClock

QUESTION = '<input type="radio" name="score" value="0"><input name="score" value="10">'


class Eager(Random):
    """Everybody answers, at once."""

    def random(self) -> float:
        return 0.0

    def uniform(self, a: float, b: float) -> float:
        return 0.0


def invitation() -> EmailMessage:
    message = EmailMessage()
    message.set_content("How was it?\nhttps://survey.example/s/token\n")
    return message


async def test_a_customer_follows_the_link_to_where_the_pages_are_reached_from_here() -> None:
    visits: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def page(request: web.Request) -> web.Response:
        visits.put_nowait((request.method, request.path))
        return web.Response(text=QUESTION, content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    settings = PlayerSettings(
        kafka_bootstrap_servers=("127.0.0.1:9",),
        public_url="https://survey.example",
        catalog=Path(),
    )
    clock = ManualClock()
    day = Demo(settings, Screen(Console(quiet=True)), clock, Eager(1), f"http://127.0.0.1:{port}")
    asked = life.customers(f"{int(clock.now().timestamp()):x}", PEOPLE, Random(1))[0]
    try:
        await day.mail(asked.email, invitation())
        assert await asyncio.wait_for(visits.get(), 10) == ("GET", "/s/token")
        assert await asyncio.wait_for(visits.get(), 10) == ("POST", "/s/token")
    finally:
        await day.stop()
        await runner.cleanup()
