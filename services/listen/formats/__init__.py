"""The formats of source events: plain JSON, CloudEvents and Debezium. Pure; one line per fault.

Whatever the format, rules see the business event alone: `body` is the data of a CloudEvent, and the
row after the change of a Debezium event. What the envelope says stands in `headers`: as `ce_id`,
`ce_type`, ... and as `debezium.op`, `debezium.table`, `debezium.ts_ms`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from services.listen.formats import cloudevents, debezium
from services.listen.formats.content import Content, not_registered
from services.listen.model import Skipped, SourceEvent
from shared import plain_json
from shared.catalog.fields import Format
from shared.errors import UnreadableMessage
from shared.plain_json import MAX_DEPTH
from shared.records import Record

__all__ = ["MAX_BYTES", "MAX_DEPTH", "event", "headers", "opened", "read"]

MAX_BYTES = 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(
    record: Record, form: Format, *, deletions: bool = False
) -> tuple[SourceEvent | Skipped, ...]:
    """Take the events out of a record; raises UnreadableMessage with one line for a person."""
    contents = opened(record, form, deletions=deletions)
    return tuple(
        each if isinstance(each, Skipped) else event(record, each, position, len(contents))
        for position, each in enumerate(contents, start=1)
    )


def opened(record: Record, form: Format, *, deletions: bool = False) -> Sequence[Content | Skipped]:
    """Return what is in a record, as far as a first look needs it; raises UnreadableMessage."""
    if record.value is not None and len(record.value) > MAX_BYTES:
        raise UnreadableMessage(f"{len(record.value)} bytes; at most {MAX_BYTES} are read")
    return _contents(record.value, headers(record), form, deletions)


def event(record: Record, content: Content, nth: int = 1, among: int = 1) -> SourceEvent:
    """Return all that rules may ask for about one of the events of a record."""
    at = None if record.timestamp < 0 else _EPOCH + timedelta(milliseconds=record.timestamp)
    place, size = f"{record.position}@{record.timestamp}", len(record.value or b"")
    if among > 1:
        place = f"{place}#{nth}"
        size = len(json.dumps(content.body, ensure_ascii=False).encode())
    return SourceEvent(
        headers=content.headers,
        body=content.body,
        key=_key(record.key or b""),
        at=content.at or at,
        place=place,
        size=size + sum(len(name) + len(text) for name, text in content.headers.items()),
        topic=record.topic,
        before=content.before,
        nth=nth,
        among=among,
    )


def _contents(
    value: bytes | None, headers: dict[str, str], form: Format, deletions: bool
) -> Sequence[Content | Skipped]:
    if form == "cloudevents":
        return list(cloudevents.read(value, headers))
    if form == "debezium":
        return list(debezium.read(value, headers, deletions=deletions))
    return _plain(value, headers)


def _plain(value: bytes | None, headers: dict[str, str]) -> list[Content | Skipped]:
    """Return the body; a list is a batch, each of its items an event."""
    if value is None:
        return [Skipped("tombstone")]
    not_registered(value)
    body = plain_json.read(value, "the body")
    if not isinstance(body, list):
        return [Content(headers, body)]
    return [Content(headers, each) for each in body] or [Skipped("empty")]


def headers(record: Record) -> dict[str, str]:
    """Return the headers as they came and, since senders differ, by their names in lower case."""
    if not record.headers:
        return {}
    found = {name: text for name, text in record.text_headers.items() if "\x00" not in text}
    return {**{name.lower(): text for name, text in found.items()}, **found}


def _key(key: bytes) -> str:
    """Return the key as text; a binary one is as good as none to a rule."""
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\x00" in text else text
