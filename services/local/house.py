"""The six services as processes: started, kept running, stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import aiohttp

from services.local.child import HOST, Child, EmbeddedError, claim_port
from services.local.place import Ports
from shared import kafka, migrate
from shared.settings import Settings

# With what the database may take, this stays below the ten seconds that Ctrl-C may.
STOP_SECONDS = 6.0
READY_SECONDS = 60.0
LOOK_SECONDS = 0.5
Say = Callable[[str], None]


class House:
    """Runs `python -m services.<name> run` for each; one that ends is started again."""

    def __init__(self, folder: Path, ports: Ports, environ: Mapping[str, str], say: Say) -> None:
        self._logs = folder / "logs"
        self._ports = ports
        self._environ = dict(environ)
        self._say = say
        self._children: dict[str, Child] = {}

    async def start(self) -> None:
        """Start all, and return when every one is ready; raises EmbeddedError when one is not."""
        for name, port in self._ports.services.items():
            claim_port(name, port)
        self._logs.mkdir(parents=True, exist_ok=True)
        for name in self._ports.services:
            self._children[name] = self._run(name)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as client:
            await asyncio.gather(*(self._ready(client, name) for name in self._children))

    async def keep(self) -> None:
        """Start again what ends, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for name, child in list(self._children.items()):
                if not child.running():
                    self._say(f"{name} ended and is started again (log: {child.log})")
                    self._children[name] = self._run(name)

    async def stop(self) -> None:
        """Ask all to stop at once, and wait for them."""
        stopping = (child.stop(signal.SIGTERM, STOP_SECONDS) for child in self._children.values())
        await asyncio.gather(*stopping)

    def pid(self, name: str) -> int:
        """Return the process id of a service."""
        return self._children[name].pid

    def _run(self, name: str) -> Child:
        port = {"TOUCHBACK_HTTP_PORT": str(self._ports.services[name])}
        return Child(
            name,
            [sys.executable, "-m", f"services.{name}", "run"],
            self._logs / f"{name}.log",
            on_parent_death=signal.SIGTERM,
            environ=self._environ | port,
        )

    async def _ready(self, client: aiohttp.ClientSession, name: str) -> None:
        url = f"http://{HOST}:{self._ports.services[name]}/health/ready"

        async def ready() -> bool:
            try:
                async with client.get(url) as response:
                    return response.status == 200
            except (aiohttp.ClientError, TimeoutError):
                return False

        await self._children[name].until(ready, READY_SECONDS)


async def prepare(environ: Mapping[str, str], source_topics: list[str]) -> None:
    """Bring schemas and topics up to date; the services' migrations are read as files."""
    settings = Settings.load(environ)
    home = Path(__file__).parents[1]
    for name in ("listen", "ask", "collect", "route", "close", "console"):
        await migrate.apply(settings.postgres_dsn, name, home / name / "migrations")
    try:
        await kafka.create_topics(settings, source_topics)
    except TimeoutError as error:
        raise EmbeddedError("the broker did not make the topics in time") from error
