"""A service as a process: consumers, relay, timers, workers and HTTP, started and stopped as one.

Nothing here waits for another part to be there first: each loop is run again with backoff until it
works, `/health/ready` names what is missing, and pages answer all the while.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from shared import db, inbox, kafka, migrate, retention, web
from shared.catalog import CatalogHolder
from shared.clock import Clock, monotonic
from shared.consume import Consumer, Gate, Handle, Parse
from shared.errors import SchemaOutdated
from shared.metrics import GaugeReader, Kernel, TallyMetric, dead_letters
from shared.pulse import Pulse
from shared.relay import Relay
from shared.scrape import Scrape
from shared.settings import Settings
from shared.subscriptions import Subscriptions, Topics, named
from shared.timers import Handler, Sweep
from shared.wake import Wake

_log = logging.getLogger(__name__)
T = TypeVar("T")
Work = Callable[[Pulse], Awaitable[None]]
CATALOG_LOOK = 5.0
FLUSH = 2.0
FORGET_EVERY = 30.0


class Runtime:
    """The composition of one service; `app.build` fills it, `process.run` runs it."""

    def __init__(self, service: str, settings: Settings, clock: Clock, migrations: Path) -> None:
        self.service = service
        self.settings = settings
        self.clock = clock
        self.migrations = migrations
        self.database = db.Database(settings.postgres_dsn, service)
        self.wake = Wake(self.database)
        self.registry = CollectorRegistry()
        self.source_topics: tuple[str, ...] = ()
        self._kernel = Kernel(self.registry, service, settings.revision)
        self._kernel.follow_pool(self.database)
        self._scrape = Scrape(self.registry, self.database, clock, self._kernel)
        self._timers: dict[str, Handler] = {}
        self._workers: dict[str, Work] = {}
        self._routes: list[BaseRoute] = []
        self._kept: list[retention.Rule] = []
        self._pulses: list[Pulse] = []
        self._subscriptions = Subscriptions(service, settings, clock)
        self._kernel.follow_backlog(self._subscriptions.backlog)
        self._relay = Relay(
            self.database,
            self.wake,
            lambda: kafka.producer(settings),
            self._pulse("relay"),
        )

    # --- what app.build composes ---------------------------------------------------------------

    def catalog(self) -> CatalogHolder:
        """Load the catalog and follow its changes; raises when it is broken or not there."""
        holder = CatalogHolder(self.settings.catalog)
        self._kernel.reload_failed.set_function(lambda: float(holder.reload_failed))

        async def follow(pulse: Pulse) -> None:
            while True:
                pulse.beat()
                await asyncio.to_thread(holder.reload)
                await asyncio.sleep(CATALOG_LOOK)

        self.worker("catalog", follow)
        self.keep([retention.tombstones(lambda: holder.current.policy.retention)])
        return holder

    def consume(
        self,
        from_topics: Topics,
        *,
        parse: Parse[T],
        handle: Handle[T],
        gate: Gate | None = None,
    ) -> Consumer[T]:
        """Take these topics in batches, as the service's one consumer group.

        Where they are a function, what it returns is followed while the service runs.
        """
        consumer = Consumer(
            service=self.service,
            database=self.database,
            clock=self.clock,
            parse=parse,
            handle=handle,
            counters=self._kernel.counters,
            pulse=self._pulse("consumer"),
            gate=gate,
        )
        self._subscriptions.add(from_topics, consumer)
        names = [name for name in named(from_topics) if not name.startswith("^")]
        self._kernel.reads(names)
        self.tallies(lambda: [dead_letters(names)])
        return consumer

    def timers(self, handlers: Mapping[str, Handler]) -> None:
        """Handle timers of these kinds."""
        self._timers.update(handlers)

    def worker(self, name: str, work: Work) -> None:
        """Run this loop for ever; it beats its pulse each round; when it raises, it runs again."""
        self._workers[name] = work

    def keep(self, rules: Sequence[retention.Rule]) -> None:
        """Delete the rows whose time is over."""
        self._kept += rules

    def routes(self, routes: Sequence[BaseRoute]) -> None:
        """Serve these besides the probes and metrics."""
        self._routes += routes

    def tallies(self, metrics: Callable[[], Sequence[TallyMetric]]) -> None:
        """Expose these counters of the tallies table, as they are when asked for."""
        self._scrape.tallies.append(metrics)

    def gauges(self, reader: GaugeReader) -> None:
        """Expose what this reads from the database at each scrape."""
        self._scrape.gauges.append(reader)

    def application(self) -> Starlette:
        """Return the web application, whose lifespan starts and stops everything else."""
        routes = [
            *web.probes(self.missing, self.unserved, self.stalled),
            Route("/metrics", self._scrape.endpoint),
            *self._routes,
        ]
        templates = [route for route in routes if isinstance(route, (Route, Mount))]
        return Starlette(
            routes=routes,
            lifespan=self._lifespan,
            middleware=[Middleware(web.Timed, histogram=self._kernel.requests, routes=templates)],
            exception_handlers={
                HTTPException: web.on_http_error,
                Exception: web.on_fault,
                **dict.fromkeys(db.AWAY, web.on_away),
                **dict.fromkeys(db.UNKEEPABLE, web.on_unkeepable),
            },
        )

    # --- how it is doing -----------------------------------------------------------------------

    def stalled(self) -> list[str]:
        """Name the loops that made no progress for a minute."""
        return [pulse.name for pulse in self._pulses if pulse.stalled]

    async def unserved(self) -> list[str]:
        """Name the parts that are away without which no request can be answered."""
        absent = []
        try:
            async with asyncio.timeout(2.0), self.database.connection() as connection:
                await migrate.verify(connection, self.service, self.migrations)
        except db.AWAY as error:
            absent.append(f"postgres: {error or type(error).__name__}")
        except SchemaOutdated as error:
            absent.append(str(error))
        return absent

    async def missing(self) -> list[str]:
        """Name the parts that are away."""
        absent = await self.unserved()
        if self._subscriptions and not self._subscriptions.formed:
            absent.append("kafka: not connected, or the group has not formed yet")
        return absent

    # --- running -------------------------------------------------------------------------------

    def _pulse(self, name: str) -> Pulse:
        pulse = Pulse(name, monotonic)
        self._pulses.append(pulse)
        return pulse

    async def _for_ever(self, name: str, work: Work, pulse: Pulse) -> None:
        wait = 0.5
        while True:
            started = monotonic()
            try:
                await work(pulse)
            except Exception as error:  # noqa: BLE001  (a loop that dies of anything is started again, and says why)
                _log.warning(
                    "loop starts again",
                    extra={
                        "action": "loop_restarted",
                        "loop": name,
                        "error": str(error)[:300],
                    },
                    exc_info=not isinstance(error, (*db.AWAY, KafkaError)),
                )
            pulse.beat()
            wait = 0.5 if monotonic() - started > 30 else min(wait * 2, 5.0)
            await asyncio.sleep(wait)

    async def _forget(self, pulse: Pulse) -> None:
        while True:
            async with self.database.transaction() as connection:
                more = await inbox.prune(connection, self.clock.now())
            for rule in self._kept:
                pulse.beat()
                async with self.database.transaction() as connection:
                    more |= await retention.prune(connection, rule, self.clock.now())
            if not more:
                await asyncio.sleep(FORGET_EVERY)

    async def _watch_progress(self, pulse: Pulse) -> None:
        while True:
            pulse.beat()
            dead = self.stalled()
            if dead:
                _log.critical("no progress", extra={"action": "stalled", "loops": dead})
                # A stuck loop may hold up an orderly stop too; everything durable is committed.
                os._exit(70)
            asked = monotonic()
            await asyncio.sleep(1.0)
            self._kernel.loop.observe(max(0.0, monotonic() - asked - 1.0))

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        await self.database.open()
        background = {
            "wake": lambda pulse: self.wake.run(),
            "relay": lambda pulse: self._relay.run(),
            "progress": self._watch_progress,
            "forget": self._forget,
            **self._workers,
        }
        if self._timers:
            sweep = Sweep(
                self.database,
                self.clock,
                self.wake,
                self._timers,
                self._pulse("timers"),
            )
            background["timers"] = lambda pulse: sweep.run()
        tasks = [self._start(name, work) for name, work in background.items()]
        consuming = self._start("kafka", self._subscriptions.run) if self._subscriptions else None
        try:
            yield
        finally:
            await _cancelled([consuming, *tasks] if consuming else tasks)
            await self._relay.flush(FLUSH)
            await self.database.close()

    def _start(self, name: str, work: Work) -> asyncio.Task[None]:
        # These beat a pulse of their own; this one only marks their restarts.
        quiet = name in ("wake", "relay", "timers")
        pulse = Pulse(name, monotonic) if quiet else self._pulse(name)
        return asyncio.create_task(self._for_ever(name, work, pulse), name=name)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
