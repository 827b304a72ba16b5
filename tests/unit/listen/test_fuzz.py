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
from shared.catalog.sources import Source
from shared.errors import UnreadableMessage
from shared.pii import Pii
from shared.records import Record
from tests.conftest import SHARED_DATA
from tests.support.mapping import sources
from tests.support.payloads import Payload, payloads
from tests.unit.listen.test_other_systems import CASES

CATALOGS = ("stripe", "shopify", "killbill", "zendesk", "zammad", "debezium", "helpdesk", "others")
MESSAGES = 100_000 if os.environ.get("CI") == "true" else 4_000
LEAST = 0.01 if MESSAGES > 50_000 else 0.0
"""The share of messages above which each thing must come up, or the mix proves nothing.

A short run has too few messages for a share: there each thing must come up at all.
"""

FATES = {"said", "skipped", "dead letter"}
"""`said` are signals, answers and contact cards, and whatever a message holds of them at once."""

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 2**80, 1e308, 0.1, "", " ", "1", "x" * 300, "\x00", "快\U0001f600",
    "2024-01-02 03:04:05", "2024-01-02T03:04:05Z", "9999-99-99", "1e999", '{"a": [1]}', [], {},
    [None], [[[]]], {"id": None}, {"": {"": ""}}, "orders/create", "c", "u", "d", "t", "BEGIN",
)  # fmt: skip
NAMES = (
    "accountId", "activity", "after", "amount", "article", "at", "before", "body", "case",
    "created", "currency", "customer", "data", "data_base", "detail", "event", "eventType", "id",
    "items", "kind", "line_items", "metaData", "object", "objectId", "op", "payload", "price",
    "schema", "seq", "source", "specversion", "status", "ticket", "time", "timestamp", "total",
    "type",
)  # fmt: skip
HEADERS = ("x-shopify-topic", "ce_specversion", "ce_id", "ce_type", "ce_source", "content-type")


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.random()
    if depth > 3 or kind < 0.5:
        return chance.choice(ODD)
    if kind < 0.7:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(NAMES): value(chance, depth + 1) for _ in range(chance.randrange(7))}


def bent(chance: random.Random, body: Any) -> Any:
    """Return a true body in which one thing, however deep, is odd, absent, doubled or misnamed."""
    if isinstance(body, list) and body and chance.random() < 0.8:
        at = chance.randrange(len(body))
        return [*body[:at], bent(chance, body[at]), *body[at + 1 :]]
    if not isinstance(body, dict) or not body or chance.random() < 0.05:
        return value(chance)
    name = chance.choice(list(body))
    without = {key: each for key, each in body.items() if key != name}
    kind = chance.random()
    if kind < 0.15:
        return without
    if kind < 0.25:
        return {**without, chance.choice(NAMES): body[name]}
    if kind < 0.3:
        return {**body, name: [body[name], body[name]]}
    return {**body, name: bent(chance, body[name])}


def raw(chance: random.Random, true: Payload) -> Payload:
    """Return headers and body: true ones, nearly true ones, or anything at all."""
    kind = chance.random()
    headers, body = true
    if kind < 0.25:
        return true
    if kind < 0.6:
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            body = bent(chance, body)
        return headers, body
    if kind < 0.7:
        return {name: chance.choice(("1.0", "orders/create", "", "x")) for name in headers}, body
    return {}, value(chance)


def written(chance: random.Random, body: Any) -> bytes | None:
    kind = chance.random()
    if kind < 0.01:
        return None
    if kind < 0.03:
        return chance.randbytes(chance.randrange(60))
    text = json.dumps(body).encode()
    return text[: chance.randrange(len(text) + 1)] if kind < 0.06 else text


def message(chance: random.Random, offset: int, true: Payload) -> Record:
    about, body = raw(chance, true)
    headers: list[tuple[str, bytes | None]] = [(n, t.encode()) for n, t in about.items()]
    for name in HEADERS:
        if chance.random() < 0.05:
            odd = chance.choice((*ODD, "application/cloudevents+json", "1.0", None))
            headers.append((name, None if odd is None else str(odd).encode(errors="replace")))
    stamp = chance.choice((-1, 0, 1_700_000_000_000))
    key = chance.choice((None, b"", b"\xff", b"k"))
    return Record("t", 0, offset, stamp, key, written(chance, body), tuple(headers))


def fate(parse: Callable[[Record], Any], record: Record) -> str:
    try:
        items = parse(record)
    except UnreadableMessage as error:
        return "dead letter" if len(str(error).splitlines()) == 1 else f"not one line: {error}"
    assert items, "neither said nor skipped"
    skipped = [isinstance(item.value.what, Skipped) for item in items]
    assert not any(skipped) or len(items) == 1
    return "skipped" if skipped[0] else "said"


def true_payloads(name: str) -> list[tuple[Source, Payload]]:
    """Return what a source of the catalog can be sent; of systems never seen, one each."""
    every = sources(name)
    if name == "others":
        return [
            (every[each], ({n.replace("_", "-"): text for n, text in headers.items()}, body))
            for each, headers, body, _ in CASES
        ]
    found = payloads(SHARED_DATA, name)
    return [(source, each) for source in every.values() for each in found]


# Seeded random and not hypothesis: that keeps what it drew, which costs 20 times as much.
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", CATALOGS)
def test_each_message_ends_as_exactly_one_thing(name: str) -> None:
    true = true_payloads(name)
    if not true:
        pytest.skip(f"{SHARED_DATA} is not there: no true payloads to bend")
    seed = int(os.environ.get("FUZZ_SEED", "0")) or random.randrange(1, 2**32)
    chance = random.Random(seed)
    listeners = {source.source: listener(source) for source, _ in true}
    fates: Counter[str] = Counter()
    share = MESSAGES // len(CATALOGS)
    for offset in range(share):
        source, payload = chance.choice(true)
        fates[fate(listeners[source.source].parse, message(chance, offset, payload))] += 1
    print(f"{name}, FUZZ_SEED={seed}: {dict(fates)}")
    assert sum(fates.values()) == share
    assert {one for one, count in fates.items() if count > LEAST * share} == FATES, fates


def listener(source: Source) -> Listener:
    used = frozenset(entry.signal for entry in source.signals)
    return Listener(lambda: Dialects({"t": (source,)}, used), Pii(["k" * 32]), "k" * 32)
