"""Load a catalog, or say all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from shared.catalog.catalog import Catalog
from shared.catalog.crosscheck import crosscheck
from shared.catalog.findings import Finding, InvalidCatalog
from shared.catalog.policy import Policy
from shared.catalog.reading import Draft, read, read_files, version_of


def load(path: Path | str) -> Catalog:
    """Raise `InvalidCatalog` with all findings, `UnusableCatalog` where there is no catalog."""
    return load_files(read_files(Path(path)))


def check(path: Path | str) -> list[Finding]:
    """Return all findings in order of file and line; raise `UnusableCatalog` as `load` does."""
    return _findings(read(read_files(Path(path))))


def load_files(files: dict[str, bytes]) -> Catalog:
    """Load a catalog from file contents by path; raise `InvalidCatalog` with all findings."""
    draft = read(files)
    findings = _findings(draft)
    if findings or draft.routing is None:
        raise InvalidCatalog(findings)
    return Catalog(
        version=version_of(files),
        sources=tuple(read.entry for read in draft.sources),
        touchpoints=tuple(read.entry for read in draft.touchpoints),
        surveys=tuple(read.entry for read in draft.surveys),
        teams=tuple(read.entry for read in draft.teams),
        routing=draft.routing.entry,
        policy=draft.policy.entry if draft.policy else Policy(),
    )


def _findings(draft: Draft) -> list[Finding]:
    return sorted({*draft.findings, *(crosscheck(draft) if draft.complete else ())})
