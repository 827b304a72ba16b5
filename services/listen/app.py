"""The composition root of `listen`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.listen import metrics
from services.listen.handlers import SERVICE, Listener
from services.listen.http import Door
from services.listen.pausing import Pauses
from services.listen.policy import Dialects, dialects
from services.listen.settings import Settings
from services.listen.signatures import unusable
from services.listen.sources import SourcesApi
from shared.catalog.catalog import Catalog
from shared.catalog.watch import CatalogHolder
from shared.clock import Clock
from shared.errors import InvalidSettings
from shared.pii import Pii
from shared.runtime import Runtime

MIGRATIONS = Path(__file__).parent / "migrations"


class Current:
    """The dialects of the catalog in use; a new catalog takes effect with the next record."""

    def __init__(self, holder: CatalogHolder) -> None:
        self._dialects = dialects(holder.current)
        holder.subscribe(self._changed)

    def __call__(self) -> Dialects:
        return self._dialects

    def _changed(self, catalog: Catalog) -> None:
        self._dialects = dialects(catalog)

    def topics(self) -> tuple[str, ...]:
        """Every topic to read, by name or pattern; those of a new catalog are read at once."""
        return (*self._dialects.topics, *self._dialects.patterns)


def build(settings: Settings, clock: Clock) -> Runtime:
    """Compose the service; connects to nothing yet. Raises when a webhook has no usable secret."""
    runtime = Runtime(SERVICE, settings, clock, MIGRATIONS)
    holder = runtime.catalog()
    current = Current(holder)
    require_secrets(current(), settings.source_secrets)
    listener = Listener(current, Pii(settings.pii_keys), settings.pii_keys[0])
    runtime.source_topics = current().topics
    pauses = Pauses(runtime.database, clock, current)
    if current.topics():
        runtime.consume(current.topics, parse=listener.parse, handle=listener.handle, gate=pauses)
    holder.subscribe(lambda _: pauses.catalog_changed())
    runtime.worker("pauses", pauses.run)
    runtime.gauges(pauses.gauge)
    posted = metrics.webhooks(runtime.registry, current().webhooks)
    door = Door(runtime.database, clock, current, settings.source_secrets, posted)
    runtime.routes(door.routes())
    runtime.routes(SourcesApi(current, pauses, settings.api_tokens, clock).routes())
    runtime.tallies(lambda: metrics.counters(current().sources))
    return runtime


def require_secrets(dialects: Dialects, secrets: Mapping[str, str]) -> None:
    """Raise InvalidSettings when what a source posts could never be checked."""
    for name, source in dialects.webhooks.items():
        for secret in source.webhook.secrets if source.webhook else ():
            wrong = "is absent"
            if secret in secrets and source.webhook:
                wrong = unusable(source.webhook, secrets[secret]) or ""
            if wrong:
                raise InvalidSettings(
                    f"TOUCHBACK_SOURCE_SECRETS: secret {secret} {wrong}; source {name} needs it"
                )
