"""One machine: `up`, `demo` and `play`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated

import typer
from pydantic import Field
from rich.console import Console

from services.local import place, play
from services.local.broker import EmbeddedBroker
from services.local.child import claim_port
from services.local.demo import Demo
from services.local.house import House, prepare
from services.local.post import Post
from services.local.postgres import EmbeddedPostgres
from services.local.screen import Screen
from services.local.sinks import Sinks
from shared import process
from shared.catalog import Catalog, load
from shared.clock import SystemClock, monotonic
from shared.errors import TouchbackError
from shared.settings import Secrets, Settings

CATALOG = Path(__file__).parents[2] / "deploy" / "catalog"
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"obj": os.environ},
)
app.command()(play.play)

Data = Annotated[
    Path, typer.Option(resolve_path=True, help="Where data, logs and secrets are kept.")
]
CatalogDir = Annotated[Path, typer.Option(resolve_path=True, help="The catalog.")]
DATA = Path(".touchback")


@dataclass(frozen=True, slots=True)
class Running:
    """All that runs on this machine."""

    house: House
    settings: Settings
    secrets: place.Secrets
    ports: place.Ports


class Attached(play.PlayerSettings):
    """What the day needs of services that run elsewhere; its webhooks arrive at `http_port`."""

    http_port: int = Field(default=place.Ports().hooks, ge=0, le=65535)
    channel_secrets: Secrets = Field(default_factory=dict)


@asynccontextmanager
async def _everything(data: Path, catalog: Path, screen: Screen) -> AsyncIterator[Running]:
    """Run broker, database and the six services; ends them in the opposite order."""
    ports, started = place.Ports(), monotonic()
    for name, port in ports.all().items():
        claim_port(name, port)
    known: Catalog = load(catalog)
    secrets = place.keep_secrets(data, known)
    async with AsyncExitStack() as stack:
        screen.say("starting broker and PostgreSQL …", "dim")
        broker = EmbeddedBroker(data, ports.kafka)
        postgres = EmbeddedPostgres(data, ports.postgres)
        _, dsn = await asyncio.gather(
            stack.enter_async_context(broker), stack.enter_async_context(postgres)
        )
        environ = place.environment(ports, secrets, catalog, dsn, idempotence=broker.idempotence)
        place.keep_environment(data, environ)
        await prepare(environ, sorted(known.source_topics))
        screen.say("starting the six services …", "dim")
        house = House(data, ports, _inherited(os.environ) | environ, screen.say)
        stack.push_async_callback(house.stop)
        await house.start()
        screen.say(f"all six services are ready after {monotonic() - started:.1f} s", "green")
        yield Running(house, Settings.load(environ), secrets, ports)


def _inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The surroundings without settings meant for others: what runs here is one closed world.

    Only the secrets of sources come from outside: their senders made them.
    """
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("TOUCHBACK_") or name.startswith("TOUCHBACK_SOURCE_SECRETS")
    }


async def _until_told(*work: Awaitable[None]) -> None:
    """Do this work until Ctrl-C or SIGTERM; what fails in it ends it all."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, told.set)
    tasks = [asyncio.ensure_future(each) for each in (*work, told.wait())]
    try:
        while not told.is_set():
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            tasks = [task for task in tasks if task not in done]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _addresses(screen: Screen, ports: place.Ports) -> None:
    screen.say(f"console  http://localhost:{ports.services['console']}/", "bold")
    screen.say("         on loopback only: nobody signs in, say your name at the top", "dim")
    screen.say(f"Kafka    127.0.0.1:{ports.kafka}", "dim")
    for name, port in ports.services.items():
        screen.say(f"{name:<8} http://localhost:{port}/health/ready  /metrics", "dim")


@app.command()
def up(data: Data = DATA, catalog: CatalogDir = CATALOG) -> None:
    """Run all six services with an embedded broker and PostgreSQL, until Ctrl-C.

    Mails and the webhooks to 127.0.0.1:8090/hooks/TEAM are shown, not sent on.
    """

    async def run(screen: Screen) -> None:
        async with _everything(data, catalog, screen) as running:
            post = Post(screen)
            async with Sinks(running.ports, running.secrets.channels, post.mail, post.hook):
                _addresses(screen, running.ports)
                await _until_told(running.house.keep())

    _run(run)


@app.command()
def demo(
    data: Data = DATA,
    catalog: CatalogDir = CATALOG,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same day.")] = None,
    attach: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Start no service: play the day on those of the settings in the environment, and"
            " take their mails and webhooks. URL is where `collect` is reached from here.",
        ),
    ] = None,
) -> None:
    """Run all six, and a generated day of customer life at 60 times its speed."""
    random = Random(seed)

    async def run(screen: Screen) -> None:
        async with _everything(data, catalog, screen) as running:
            day = Demo(running.settings, screen, SystemClock(), random)
            async with Sinks(running.ports, running.secrets.channels, day.mail, day.hook):
                _addresses(screen, running.ports)
                await _day(day, running.house.keep())

    async def run_attached(screen: Screen) -> None:
        settings = Attached.load(os.environ)
        day = Demo(settings, screen, SystemClock(), random, attach)
        ports, host = place.Ports(hooks=settings.http_port), settings.http_host
        async with Sinks(ports, settings.channel_secrets, day.mail, day.hook, host):
            await _day(day)

    _run(run_attached if attach else run)


async def _day(day: Demo, *beside: Awaitable[None]) -> None:
    try:
        await _until_told(*beside, day.watch(), day.play())
    finally:
        await day.stop()


def _run(work: Callable[[Screen], Awaitable[None]]) -> None:
    async def main() -> None:
        with Screen(Console()) as screen:
            await work(screen)
            screen.say("stopped; data are kept", "dim")

    try:
        asyncio.run(main())
    except TouchbackError as error:
        raise process.fail(error) from None


if __name__ == "__main__":
    app()
