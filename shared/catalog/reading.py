"""From the folder's files to entries that are valid by themselves, and the findings on the way."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from shared.catalog.complaints import finding_of
from shared.catalog.document import Document, parse
from shared.catalog.findings import Finding, UnusableCatalog, suggest
from shared.catalog.owners import Routing, Team
from shared.catalog.policy import Policy
from shared.catalog.sources import Source
from shared.catalog.touchpoints import Survey, Touchpoint

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item", bound=BaseModel)

FILES = ("sources.yaml", "touchpoints.yaml", "teams.yaml", "routing.yaml", "policy.yaml")
REQUIRED = ("sources.yaml", "touchpoints.yaml", "teams.yaml", "routing.yaml")
SURVEYS = "surveys"
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Read(Generic[Item]):
    """An entry and where it stands."""

    entry: Item
    document: Document
    path: tuple[str | int, ...] = ()

    def finding(self, message: str, *below: str | int) -> Finding:
        """Return a finding at a field of this entry."""
        return Finding(self.document.file, self.document.line((*self.path, *below)), message)


@dataclass(slots=True)
class Draft:
    """All entries that are valid by themselves; whether they fit together is checked later.

    `declared` has the names of all entries and signals, also of those that are not valid: one
    mistake is one finding, and not another one wherever the name is used. It is not `complete` when
    a file is missing or unreadable, so that nobody knows which names it would declare.
    """

    sources: list[Read[Source]] = field(default_factory=list)
    touchpoints: list[Read[Touchpoint]] = field(default_factory=list)
    surveys: list[Read[Survey]] = field(default_factory=list)
    teams: list[Read[Team]] = field(default_factory=list)
    routing: Read[Routing] | None = None
    policy: Read[Policy] | None = None
    findings: list[Finding] = field(default_factory=list)
    complete: bool = True
    declared: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the YAML files by their path in the folder; raise `UnusableCatalog` if there are none.

    Hidden names are passed over. Of a mounted ConfigMap all files are of one generation: `..data`
    leads to a folder that never changes, and is led to another one, whatever is read just then.
    """
    if not folder.is_dir():
        raise UnusableCatalog(f"{folder} is not a folder: name the folder that holds the catalog")
    generation = _generation(folder)
    try:
        files = _read_all(generation or folder)
    except UnusableCatalog:
        if _generation(folder) == generation:
            raise
        files = {}
    if _generation(folder) != generation:
        return read_files(folder)  # the old one is taken away, file by file
    if not files:
        raise UnusableCatalog(f"{folder} holds no YAML files: a catalog has {', '.join(FILES)}")
    return files


def _generation(folder: Path) -> Path | None:
    """Return where a mounted ConfigMap stands at this moment, None of any other folder."""
    current = folder / "..data"
    return current.resolve() if current.is_symlink() else None


def _read_all(folder: Path) -> dict[str, bytes]:
    try:
        paths = [*folder.iterdir(), *(folder / SURVEYS).glob("*")]
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(paths)
            if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()
        }
    except OSError as error:
        raise UnusableCatalog(f"{error.filename} cannot be read: {error.strerror}") from error


def version_of(files: Mapping[str, bytes]) -> str:
    """Return a short hash of all names and contents."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()[:12]


def read(files: Mapping[str, bytes]) -> Draft:
    """Return what the files hold, and a finding for each thing that is wrong by itself."""
    draft = Draft()
    for name in REQUIRED:
        if name not in files:
            draft.findings.append(Finding(name, 1, "this file is missing, a catalog needs it"))
            draft.complete = False
    for name, content in files.items():
        if name not in FILES and not name.startswith(f"{SURVEYS}/"):
            message = f"not a file of the catalog, {suggest(name, FILES)}"
            draft.findings.append(Finding(name, 1, message))
            continue
        document, findings = parse(name, content)
        draft.findings += findings
        if document is None:
            draft.complete = False
        else:
            _take(draft, document)
    return draft


def _take(draft: Draft, document: Document) -> None:
    match document.file:
        case "sources.yaml":
            draft.sources += map(_located, _entries(draft, document, Source))
        case "touchpoints.yaml":
            draft.touchpoints += _entries(draft, document, Touchpoint)
        case "teams.yaml":
            draft.teams += _entries(draft, document, Team)
        case "routing.yaml":
            draft.routing = _entry(draft, document, Routing)
        case "policy.yaml":
            draft.policy = _entry(draft, document, Policy)
        case _:
            survey = _entry(draft, document, Survey)
            draft.surveys += [survey] if survey else []


def _entries(draft: Draft, document: Document, model: type[Model]) -> Iterator[Read[Model]]:
    if document.data is None:
        return
    if not isinstance(document.data, list):
        message = f'must be a list, start each entry with "- {model.__name__.lower()}: NAME"'
        draft.findings.append(Finding(document.file, document.line(()), message))
        return
    for index in range(len(document.data)):
        found = _entry(draft, document, model, index)
        if found is not None:
            yield found


def _entry(draft: Draft, document: Document, model: type[Model], *path: int) -> Read[Model] | None:
    data = document.data
    for step in path:
        data = data[step]
    _declare(draft, data, model.__name__.lower())
    try:
        return Read(model.model_validate({} if data is None else data), document, path)
    except ValidationError as error:
        # A default that depends on a field which is itself wrong is an echo, not a complaint.
        draft.findings += [
            finding_of(document, model, path, detail)
            for detail in error.errors(include_url=False)
            if detail["type"] != "default_factory_not_called"
        ]
        return None


def _located(source: Read[Source]) -> Read[Source]:
    def line(kind: str, position: int, field: str) -> int:
        return source.document.line((*source.path, kind, position, *field.split(".")))

    source.entry.located(line)
    return source


def _declare(draft: Draft, data: object, kind: str) -> None:
    if not isinstance(data, dict):
        return
    if isinstance(name := data.get(kind), str):
        draft.declared[kind].add(name)
    signals = data.get("signals") if kind == "source" else None
    for mapping in signals if isinstance(signals, list) else ():
        _declare(draft, mapping, "signal")
