"""The catalog a running service uses: reloaded on change, the last good one kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.catalog.catalog import Catalog
from shared.catalog.findings import InvalidCatalog, UnusableCatalog
from shared.catalog.loader import load_files
from shared.catalog.reading import read_files, version_of

log = logging.getLogger(__name__)

OnChange = Callable[[Catalog], None]


@dataclass(frozen=True, slots=True)
class _Look:
    """What a look at the folder found; without a catalog, why not."""

    version: str
    catalog: Catalog | None
    problems: tuple[str, ...] = ()


class CatalogHolder:
    """Holds the current catalog. The first load raises: a service refuses to start on a broken one.

    Changes are found by content: mounted ConfigMaps swap a link, and times of files say nothing.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        files = read_files(self._path)
        self._seen = version_of(files)
        self._current = load_files(files)
        self._subscribers: list[OnChange] = []
        self.reload_failed = False

    @property
    def current(self) -> Catalog:
        """The last good catalog; take it once per batch, since it may change between two reads."""
        return self._current

    def subscribe(self, on_change: OnChange) -> None:
        """Call `on_change` with each new catalog, never with the present one."""
        self._subscribers.append(on_change)

    def reload(self) -> bool:
        """Load the folder if it changed; True when a new catalog is in use."""
        return self._apply(self._look())

    def _look(self) -> _Look | None:
        """Return what stands in the folder now, None when it is what was seen last."""
        try:
            files = read_files(self._path)
        except UnusableCatalog as error:
            return _Look("", None, (str(error),))
        version = version_of(files)
        if version == self._seen:
            return None
        try:
            return _Look(version, load_files(files))
        except InvalidCatalog as error:
            return _Look(version, None, tuple(str(finding) for finding in error.findings))

    def _apply(self, look: _Look | None) -> bool:
        if look is None or look.version == self._seen:
            return False
        self._seen = look.version
        self.reload_failed = look.catalog is None
        if look.catalog is None:
            extra = {"action": "catalog_reload_failed", "findings": look.problems[:20]}
            log.error("catalog not loaded, the last good one stays in use", extra=extra)
            return False
        if look.catalog.version == self._current.version:
            return False
        self._current = look.catalog
        log.info("catalog loaded", extra={"action": "catalog_loaded", "catalog": look.version})
        for on_change in self._subscribers:
            on_change(look.catalog)
        return True
