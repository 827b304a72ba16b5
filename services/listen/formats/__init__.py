"""The formats of source events: plain JSON, CloudEvents and Debezium. Pure; one line per fault.

Whatever the format, rules see the business event alone: `body` is the data of a CloudEvent, and the
row after the change of a Debezium event. What the envelope says stands in `headers`: as `ce_id`,
`ce_type`, ... and as `debezium.op`, `debezium.table`, `debezium.ts_ms`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from services.listen.formats import cloudevents, debezium
from services.listen.formats.content import Content, not_registered
from services.listen.model import Skipped, SourceEvent
from shared import plain_json
from shared.catalog.fields import Format
from shared.errors import UnreadableMessage
from shared.plain_json import MAX_DEPTH
from shared.records import Record

__all__ = ["MAX_BYTES", "MAX_DEPTH", "envelope", "read"]

MAX_BYTES = 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(
    record: Record, form: Format, *, deletions: bool = False
) -> tuple[SourceEvent | Skipped, ...]:
    """Take the events out of a record; raises UnreadableMessage with one line for a person."""
    if record.value is not None and len(record.value) > MAX_BYTES:
        raise UnreadableMessage(f"{len(record.value)} bytes; at most {MAX_BYTES} are read")
    bare = envelope(record)
    contents = list(_contents(record.value, dict(bare.headers), form, deletions))
    return tuple(
        content if isinstance(content, Skipped) else _event(bare, content, position, len(contents))
        for position, content in enumerate(contents, start=1)
    )


def envelope(record: Record) -> SourceEvent:
    """Return what is known of a record whose body is still closed."""
    headers = _headers(record) if record.headers else {}
    return SourceEvent(
        headers=headers,
        body=None,
        key=_key(record.key),
        at=None if record.timestamp < 0 else _EPOCH + timedelta(milliseconds=record.timestamp),
        place=f"{record.position}@{record.timestamp}",
        size=len(record.value or b"") + sum(len(n) + len(t) for n, t in headers.items()),
        topic=record.topic,
    )


def _event(bare: SourceEvent, content: Content, position: int, among: int) -> SourceEvent:
    place, size = bare.place, bare.size
    if among > 1:
        place = f"{place}#{position}"
        size = len(json.dumps(content.body, ensure_ascii=False).encode())
    return SourceEvent(
        headers=content.headers,
        body=content.body,
        key=bare.key,
        at=content.at or bare.at,
        place=place,
        size=size,
        topic=bare.topic,
        before=content.before,
        nth=position,
        among=among,
    )


def _contents(
    value: bytes | None, headers: dict[str, str], form: Format, deletions: bool
) -> Iterator[Content | Skipped]:
    if form == "cloudevents":
        return cloudevents.read(value, headers)
    if form == "debezium":
        return debezium.read(value, headers, deletions=deletions)
    return _plain(value, headers)


def _plain(value: bytes | None, headers: dict[str, str]) -> Iterator[Content | Skipped]:
    """Yield the body; a list is a batch, each of its items an event."""
    if value is None:
        yield Skipped("tombstone")
        return
    not_registered(value)
    body = plain_json.read(value, "the body")
    if isinstance(body, list):
        yield from (Content(headers, each) for each in body)
        if not body:
            yield Skipped("empty")
    else:
        yield Content(headers, body)


def _headers(record: Record) -> dict[str, str]:
    """Return the headers as they came and, since senders differ, by their names in lower case."""
    found = {name: text for name, text in record.text_headers.items() if "\x00" not in text}
    return {**{name.lower(): text for name, text in found.items()}, **found}


def _key(key: bytes | None) -> str:
    """Return the key as text; a binary one is as good as none to a rule."""
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\x00" in text else text
