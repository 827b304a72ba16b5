"""Every file of the shared billing, ordering and support data is mapped, or named with why not.

What a message says stands in tests/catalogs/expected/, to the last field; one that is not named
there says nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.catalog.sources import Source
from tests.support.mapping import CATALOGS, brief, record, said, sources

FOLDERS = ("billing", "ordering", "support")
OF = {
    "stripe": ("stripe", 100), "stripe-objects": ("stripe", 226), "killbill": ("killbill", 2),
    "orders": ("debezium", 1), "shopify": ("shopify", 11), "zammad": ("zammad", 1),
    "zendesk": ("zendesk", 5), "zendesk-objects": ("zendesk", 318),
}  # fmt: skip
"""The folder of tests/catalogs in which a source stands, and how many messages it is given."""


@cache
def ledger() -> list[dict[str, Any]]:
    return list(yaml.safe_load((CATALOGS / "payloads.yaml").read_text("utf-8")))


def entry_of(file: str) -> dict[str, Any] | None:
    """The first entry that a file fits, as for every list of this kind."""
    return next((each for each in ledger() if fnmatch(file, each["files"])), None)


def files(shared_data: Path) -> list[str]:
    return sorted(
        str(file.relative_to(shared_data))
        for folder in FOLDERS
        for file in (shared_data / folder).rglob("*")
        if file.is_file()
    )


def messages(file: Path, how: str) -> Iterator[tuple[str, Any]]:
    """Yield what a file holds, each message with a name."""
    content = json.loads(file.read_bytes())
    if how == "values":
        yield from content["resources"].items()
    elif how == "each":
        yield from ((f"{file.stem} {nth}", each) for nth, each in enumerate(content, start=1))
    elif how == "inside":
        (inner,) = content.values()
        many = inner if isinstance(inner, list) else [inner]
        yield from ((f"{file.parent.name}/{file.stem}", each) for each in many)
    else:
        yield file.stem, content


def fresh(body: Any, nth: int) -> Any:
    """Give an envelope of Stripe an id of its own: the collections share a few placeholders."""
    is_envelope = isinstance(body, dict) and "type" in body and "data" in body
    return {**body, "id": f"evt_{nth:03}"} if is_envelope else body


def test_no_file_is_forgotten_and_no_entry_is_idle(shared_data: Path) -> None:
    found = {file: entry_of(file) for file in files(shared_data)}
    assert len(found) > 300
    assert [file for file, entry in found.items() if entry is None] == []
    used = {entry["files"] for entry in found.values() if entry}
    assert [each["files"] for each in ledger() if each["files"] not in used] == []
    for each in ledger():
        assert ("mapped" in each) != ("nothing" in each), each


def test_what_is_no_event_holds_what_shows_it(shared_data: Path) -> None:
    for file in files(shared_data):
        entry = entry_of(file) or {}
        if "holds" not in entry:
            continue
        for name, body in messages(shared_data / file, entry.get("messages", "whole")):
            assert set(entry["holds"]) <= set(body), (file, name)


def mapped(shared_data: Path, name: str) -> dict[str, list[dict[str, Any]]]:
    """What a source says of all its messages, by their names."""
    source: Source = sources(OF[name][0])[name]
    found: dict[str, list[dict[str, Any]]] = {}
    nth = 0
    for file in files(shared_data):
        entry = entry_of(file) or {}
        if entry.get("mapped") != name:
            continue
        headers = {key.replace("-", "_"): text for key, text in entry.get("headers", {}).items()}
        for at, body in messages(shared_data / file, entry.get("messages", "whole")):
            text = json.dumps(fresh(body, nth), ensure_ascii=False, separators=(",", ":"))
            taken = record(text.encode(), key="k-1", **headers)
            shown = [dict(brief(each)) for each in said(source, taken)]
            assert at not in found, at
            found[at] = [{k: v for k, v in each.items() if k != "source"} for each in shown]
            nth += 1
    return found


@pytest.mark.parametrize("name", OF)
def test_each_message_says_what_was_worked_out_by_hand(name: str, shared_data: Path) -> None:
    found = mapped(shared_data, name)
    assert len(found) == OF[name][1]
    written = yaml.safe_load((CATALOGS / "expected" / f"{name}.yaml").read_text("utf-8"))
    counts = written.pop("counted", {})
    talking = {at: told for at, told in found.items() if told}
    kinds = Counter(each.get("signal", "card") for told in talking.values() for each in told)
    assert not counts or kinds == counts
    shown = {at: told for at, told in talking.items() if not counts or at in written}
    for at, told in shown.items():
        assert told == written.get(at), at
    assert set(written) == set(shown)
