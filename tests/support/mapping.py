"""A catalog of mappings at work on payloads, without the rest of a catalog."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.listen.decide import understand
from services.listen.model import Mapped
from shared.catalog.reading import read
from shared.catalog.sources import Source
from shared.contracts.signals import Answer, Profile, Signal
from shared.records import Record

CATALOGS = Path(__file__).parents[1] / "catalogs"
NOON = 1_767_268_800_000
"""When all records arrive: 2026-01-01T12:00:00Z."""


def sources(name: str) -> dict[str, Source]:
    """Return the sources of tests/catalogs/NAME; nothing may be wrong with the file itself."""
    draft = read({"sources.yaml": (CATALOGS / name / "sources.yaml").read_bytes()})
    wrong = [found for found in draft.findings if found.file == "sources.yaml"]
    assert wrong == []
    return {found.entry.source: found.entry for found in draft.sources}


def record(body: Any, *, key: str = "", at: int = NOON, topic: str = "t", **headers: str) -> Record:
    """Return a record; header names are written with _ for -."""
    value = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = tuple((name.replace("_", "-"), text.encode()) for name, text in headers.items())
    return Record(topic, 0, 7, at, key.encode(), value, pairs)


def said(source: Source, taken: Record) -> list[Signal | Profile | Answer]:
    """Return what a source makes of a record, with every signal in use."""
    used = frozenset(entry.signal for entry in source.signals)
    return [
        message
        for outcome in understand(taken, source, used)
        if isinstance(outcome, Mapped)
        for message in outcome.messages
        if isinstance(message, Signal | Profile | Answer)
    ]


def brief(message: Signal | Profile | Answer) -> Mapping[str, Any]:
    """Return what a message says, without what is empty, times as texts."""
    return {
        name: value
        for name, value in message.model_dump(mode="json", exclude_none=True).items()
        if value not in ({}, [])
    }
