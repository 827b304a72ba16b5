"""`/metrics`: what the process counts, and what the database knows, read when asked for."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from shared import db
from shared.clock import Clock, monotonic
from shared.metrics import FRESH, GaugeReader, Kernel, TallyMetric, kernel_gauges, read_tallies

_log = logging.getLogger(__name__)
Tallies = Callable[[], Sequence[TallyMetric]]
PATIENCE = 5.0


class Scrape(Collector):
    """Reads the database before an exposition, which itself is not asynchronous, once for all.

    Whoever asks while it is being read waits for that and shows the same, also when it fails; what
    was read is shown again for FRESH seconds.
    """

    def __init__(
        self, registry: CollectorRegistry, database: db.Database, clock: Clock, kernel: Kernel
    ) -> None:
        self.tallies: list[Tallies] = []
        self.gauges: list[GaugeReader] = [kernel_gauges]
        self._registry = registry
        self._database = database
        self._clock = clock
        self._kernel = kernel
        self._read: Sequence[Metric] = ()
        self._turn = asyncio.Lock()
        self._read_at = self._tried_at = -math.inf
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        yield from self._read

    async def endpoint(self, request: Request) -> Response:
        """Answer in the format that is asked for: OpenMetrics has exemplars."""
        asked = monotonic()
        async with self._turn:
            if self._tried_at < asked and monotonic() >= self._read_at + FRESH:
                await self._try()
                self._tried_at = monotonic()
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"Content-Type": content_type})

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self._read = await self._look()
            self._read_at = monotonic()
        except db.AWAY as error:
            # The counters of the last scrape stay: absent ones would look like a reset.
            _log.warning(
                "metrics are those of the last scrape",
                extra={"action": "metrics_stale", "error": str(error)},
            )

    async def _look(self) -> Sequence[Metric]:
        now = self._clock.now()
        async with self._database.connection() as connection:
            wanted = chain.from_iterable(each() for each in self.tallies)
            found: list[Metric] = [*await read_tallies(connection, wanted)]
            for reader in self.gauges:
                found += await reader(connection, now)
        self._kernel.collected.set(now.timestamp())
        return found
