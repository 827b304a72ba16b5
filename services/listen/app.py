"""The composition root of `listen`."""

from __future__ import annotations

import logging
from pathlib import Path

from services.listen import metrics
from services.listen.handlers import SERVICE, Listener
from services.listen.policy import Dialects, dialects
from services.listen.settings import Settings
from shared.catalog.catalog import Catalog
from shared.catalog.watch import CatalogHolder
from shared.clock import Clock
from shared.pii import Pii
from shared.runtime import Runtime

_log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"


class Current:
    """The dialects of the catalog in use; a new catalog takes effect with the next record."""

    def __init__(self, holder: CatalogHolder) -> None:
        self._dialects = dialects(holder.current)
        self._subscribed = frozenset(self._dialects.topics)
        holder.subscribe(self._changed)

    def __call__(self) -> Dialects:
        return self._dialects

    def _changed(self, catalog: Catalog) -> None:
        self._dialects = dialects(catalog)
        if unread := sorted(set(self._dialects.topics) - self._subscribed):
            _log.warning(
                "new source topics are read after a restart",
                extra={"action": "source_topics_unread", "topics": unread},
            )


def build(settings: Settings, clock: Clock) -> Runtime:
    """Compose the service; connects to nothing yet."""
    runtime = Runtime(SERVICE, settings, clock, MIGRATIONS)
    current = Current(runtime.catalog())
    listener = Listener(current, Pii(settings.pii_keys), settings.pii_keys[0])
    runtime.source_topics = current().topics
    if runtime.source_topics:
        runtime.consume(runtime.source_topics, parse=listener.parse, handle=listener.handle)
    runtime.tallies(metrics.counters(current().sources))
    return runtime
