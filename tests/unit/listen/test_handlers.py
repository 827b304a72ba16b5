"""Identities of what is published: the same event is the same however often it arrives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from services.listen.handlers import Listener
from services.listen.model import NOT_COUNTED, Counted, Finding, Skipped, Unused
from services.listen.policy import Dialects
from shared.catalog.sources import Source
from shared.consume import Item
from shared.errors import UnreadableMessage
from shared.pii import Pii
from shared.records import Record

KEY = "k" * 32
SIGNAL = {
    "signal": "order.placed",
    "when": 'body.kind == "order"',
    "id": "body.id",
    "customer": "body.customer",
    "occurred_at": "timestamp(body.at)",
}
CARD = {
    "when": 'body.kind == "card"',
    "customer": "body.customer",
    "updated_at": "timestamp(body.at)",
    "email": "body.email",
}
ORDER = {"kind": "order", "id": "o-1", "customer": "c-1", "at": "2026-03-01T10:15:00Z"}
MOVED = {"kind": "card", "customer": "c-1", "at": "2026-03-01T10:15:00Z", "email": "a@b.example"}


def source(name: str, form: str = "json", **mappings: list[dict[str, Any]]) -> Source:
    return Source.model_validate({"source": name, "topic": "t", "format": form, **mappings})


def listener(*sources: Source, used: str = "order.placed", key: str = KEY) -> Listener:
    taken = Dialects({"t": sources}, frozenset({used}))
    return Listener(lambda: taken, Pii([key]), key)


SHOP = source("shop", signals=[SIGNAL], profiles=[CARD])


def record(body: object, offset: int = 0, **headers: str) -> Record:
    pairs = tuple((name, text.encode()) for name, text in headers.items())
    return Record("t", 0, offset, 5, None, json.dumps(body).encode(), pairs)


TIMES = ((0, 5), (1, 9), (2, 7))
"""Offsets, and the timestamps that producers gave: not always in order."""


def only(items: Any) -> Item[Finding]:
    (item,) = items
    assert isinstance(item, Item)
    return item


def test_a_signal_played_again_is_the_same_signal() -> None:
    first, again = (only(listener(SHOP).parse(record(ORDER, offset))) for offset in (0, 1))
    assert (first.source, first.id) == ("shop", "signal:order.placed:o-1")
    assert (first.id, first.value.what) == (again.id, again.value.what)


def test_two_signals_of_one_event_are_told_apart() -> None:
    twice = source("shop", signals=[SIGNAL, {**SIGNAL, "signal": "order.paid"}])
    found = Listener(
        lambda: Dialects({"t": (twice,)}, frozenset({"order.placed", "order.paid"})),
        Pii([KEY]),
        KEY,
    ).parse(record(ORDER))
    assert [item.id for item in found] == ["signal:order.placed:o-1", "signal:order.paid:o-1"]


def test_a_contact_card_is_known_by_its_content_but_does_not_give_it_away() -> None:
    parse = listener(SHOP).parse
    first, again = only(parse(record(MOVED))), only(parse(record(MOVED, offset=1)))
    other = only(parse(record({**MOVED, "email": "c@d.example"}, offset=2)))
    assert first.id == again.id != other.id
    assert "a@b.example" not in str(first.id)
    assert only(listener(SHOP, key="z" * 32).parse(record(MOVED))).id != first.id


def test_a_record_that_says_nothing_leaves_no_trace_but_its_count() -> None:
    skipped = only(listener(SHOP).parse(record({"kind": "x"})))
    assert (skipped.id, skipped.value.what) == (None, Skipped("no_mapping"))


def test_what_was_counted_is_not_counted_again_unless_its_topic_was_made_anew() -> None:
    seen = [replace(record({}, offset=each), timestamp=stamp) for each, stamp in TIMES]
    mark = NOT_COUNTED
    for each in seen:
        assert not mark.has(each)
        mark = mark.with_(each)
    assert mark == Counted(upto=2, latest=9)
    assert all(mark.has(each) for each in seen)
    assert not mark.has(replace(seen[0], offset=3))
    anew = replace(seen[0], timestamp=10)
    assert not mark.has(anew)
    assert mark.with_(anew) == Counted(upto=0, latest=10)


def test_a_signal_nobody_uses_does_not_block_a_later_one_that_is_used() -> None:
    unused = only(listener(SHOP, used="other").parse(record(ORDER)))
    assert unused.value.what == Unused("order.placed")
    assert unused.id is None
    assert only(listener(SHOP).parse(record(ORDER))).id is not None


def test_a_skip_of_one_source_does_not_count_when_another_understands() -> None:
    quiet = source("quiet")
    assert only(listener(quiet, SHOP).parse(record(ORDER))).source == "shop"


def test_sources_that_share_a_topic_skip_a_record_once() -> None:
    items = listener(source("one"), source("two")).parse(record(ORDER))
    assert only(items).source == "one"


def test_a_refusal_names_the_source_the_mapping_and_the_field() -> None:
    body = {name: value for name, value in ORDER.items() if name != "customer"}
    with pytest.raises(UnreadableMessage) as raised:
        listener(SHOP).parse(record(body))
    assert str(raised.value) == ("source shop, signal order.placed: body.customer is absent")


def test_a_refusal_of_the_format_names_the_source() -> None:
    batch = record([1], **{"content-type": "application/cloudevents-batch+json"})
    parse = listener(source("shop", "cloudevents", signals=[SIGNAL])).parse
    with pytest.raises(
        UnreadableMessage, match=r"^source shop: a CloudEvent is an object; this one is a number$"
    ):
        parse(batch)
