"""A proposal for every shared payload that is mapped by hand: it loads, and says nearly as much."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.listen.infer import Sample, propose, yaml
from services.listen.workbench import explain
from shared.catalog.reading import read
from shared.catalog.sources import Source
from shared.records import Record
from tests.support.mapping import record, said, sources
from tests.unit.listen.test_every_payload import OF, entry_of, files, messages

REACHED = {"files": 191, "messages": 664, "by hand": 378, "signals": 431, "cards": 1, "missed": 2}
"""Of 664 messages, 378 say something by hand; the two that are missed name nobody (Kill Bill)."""


def proposals(shared_data: Path) -> Iterator[tuple[str, list[Record], list[Sample]]]:
    """Yield each file that is mapped by hand: by which source, its records, and its samples."""
    for file in files(shared_data):
        entry = entry_of(file) or {}
        if "mapped" not in entry:
            continue
        headers = {key.replace("-", "_"): text for key, text in entry.get("headers", {}).items()}
        bodies = [each for _, each in messages(shared_data / file, entry.get("messages", "whole"))]
        records = [record(_bytes(each), key="k-1", **headers) for each in bodies]
        pairs = zip(records, bodies, strict=True)
        yield entry["mapped"], records, [Sample(each.text_headers, body) for each, body in pairs]


def _bytes(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def proposed(samples: list[Sample]) -> Source:
    text = yaml("my-source", "my.topic", propose("my-source", "json", samples), [])
    draft = read({"sources.yaml": text.encode()})
    assert [str(each) for each in draft.findings if each.file == "sources.yaml"] == [], text
    (found,) = draft.sources
    return found.entry


def told(source: Source, message: Record) -> str:
    """What becomes of a message: everything has one outcome, and whoever refuses says why."""
    lines = explain(message, source, "", frozenset())
    assert lines
    assert all(each.what for each in lines)
    kinds = {each.kind for each in lines}
    return next(each for each in ("refused", "unused", "profile", "skipped") if each in kinds)


def test_every_proposal_loads_and_says_nearly_what_a_person_mapped(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    mapped = {name: sources(folder)[name] for name, (folder, _) in OF.items()}
    for name, records, samples in proposals(shared_data):
        source, by_hand = proposed(samples), mapped[name]
        counts["files"] += 1
        for each in records:
            outcome, wanted = told(source, each), bool(said(by_hand, each))
            counts["messages"] += 1
            counts["by hand"] += wanted
            counts["signals"] += outcome == "unused"
            counts["cards"] += outcome == "profile"
            counts["missed"] += wanted and outcome not in ("unused", "profile")
    with capsys.disabled():
        print(f"\nproposals: {dict(counts)}, all {counts['files']} load")
    assert counts == REACHED
