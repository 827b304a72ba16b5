"""Whatever comes: each message ends as exactly one thing, and the counts add up."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from services.listen.handlers import Listener
from services.listen.model import Skipped
from services.listen.policy import Dialects
from shared.errors import UnreadableMessage
from shared.pii import Pii
from shared.records import Record
from tests.support.mapping import sources
from tests.unit.listen.test_other_systems import CASES

CATALOGS = ("stripe", "shopify", "killbill", "zendesk", "zammad", "debezium", "helpdesk", "others")
MESSAGES = 100_000 if os.environ.get("CI") == "true" else 4_000
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 2**80, 1e308, 0.1, "", " ", "1", "x" * 300, "\x00", "快\U0001f600",
    "2024-01-02 03:04:05", "2024-01-02T03:04:05Z", "9999-99-99", "1e999", '{"a": [1]}', [], {},
    [None], [[[]]], {"id": None}, {"": {"": ""}}, "orders/create", "c", "u", "d", "t", "BEGIN",
)  # fmt: skip
NAMES = [
    "id",
    "type",
    "created",
    "data",
    "object",
    "customer",
    "body",
    "detail",
    "event",
    "ticket",
    "article",
    "op",
    "before",
    "after",
    "payload",
    "schema",
    "source",
    "specversion",
    "data_base64",
    "time",
    "eventType",
    "accountId",
    "metaData",
    "objectId",
    "line_items",
    "kind",
    "status",
    "at",
    "timestamp",
    "case",
    "seq",
    "activity",
    "amount",
    "currency",
    "price",
    "total",
    "items",
]
HEADERS = ("x-shopify-topic", "ce_specversion", "ce_id", "ce_type", "ce_source", "content-type")


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.random()
    if depth > 3 or kind < 0.5:
        return chance.choice(ODD)
    if kind < 0.7:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): value(chance, depth + 1) for _ in range(chance.randrange(7))}


def bent(chance: random.Random, body: Any) -> Any:
    """Return a true body, or one in which something is odd."""
    if not isinstance(body, dict) or not body:
        return body if chance.random() < 0.5 else value(chance)
    name = chance.choice(list(body))
    return {**body, name: bent(chance, body[name])}


def raw(chance: random.Random) -> bytes | None:
    kind = chance.random()
    if kind < 0.02:
        return None
    body = bent(chance, chance.choice(CASES)[2]) if kind > 0.5 else value(chance)
    text = json.dumps(body).encode()
    if kind < 0.1:
        return chance.randbytes(chance.randrange(60))
    if kind < 0.2:
        return text[: chance.randrange(len(text) + 1)]
    return text


def message(chance: random.Random, offset: int) -> Record:
    headers: list[tuple[str, bytes | None]] = []
    for name in HEADERS:
        if chance.random() < 0.3:
            odd = chance.choice((*ODD, "application/cloudevents+json", "1.0", None))
            headers.append((name, None if odd is None else str(odd).encode(errors="replace")))
    stamp = chance.choice((-1, 0, 1_700_000_000_000))
    return Record("t", 0, offset, stamp, chance.choice((None, b"", b"\xff", b"k")), raw(chance),
                  tuple(headers))  # fmt: skip


def fate(parse: Callable[[Record], Any], record: Record) -> str:
    try:
        items = parse(record)
    except UnreadableMessage as error:
        said = str(error)
        assert len(said.splitlines()) == 1
        return "dead letter"
    assert items, "neither said nor skipped"
    skipped = [isinstance(item.value.what, Skipped) for item in items]
    assert not any(skipped) or len(items) == 1
    return "skipped" if skipped[0] else type(items[0].value.what).__name__


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CATALOGS)
def test_each_message_ends_as_exactly_one_thing(name: str) -> None:
    every = tuple(sources(name).values())
    used = frozenset(entry.signal for each in every for entry in each.signals)
    seed = int(os.environ.get("FUZZ_SEED", "0")) or random.randrange(1, 2**32)
    chance = random.Random(seed)
    fates: Counter[str] = Counter()
    share = MESSAGES // len(CATALOGS)
    for offset in range(share):
        one = chance.choice(every)
        listener = Listener(
            lambda one=one: Dialects({"t": (one,)}, used), Pii(["k" * 32]), "k" * 32
        )
        fates[fate(listener.parse, message(chance, offset))] += 1
    print(f"{name}, FUZZ_SEED={seed}: {dict(fates)}")
    assert sum(fates.values()) == share
    assert fates["dead letter"]
    assert fates["Signal"] + fates["Answer"] or name != "others"
