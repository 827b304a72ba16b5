"""Debezium: change events with and without their schema, and what its outbox router publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.listen.formats.connect import readable
from services.listen.formats.content import Content, not_registered
from services.listen.model import Skipped
from shared import plain_json
from shared.errors import UnreadableMessage
from shared.plain_json import NotPlain

_ROWS = frozenset({"c", "u", "r", "d"})
_ROWLESS = frozenset({"t", "m"})  # truncated tables and messages of the database
_MARKERS = frozenset({"BEGIN", "END"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = 253_402_300_799_999  # the last millisecond of the year 9999


def read(
    value: bytes | None, headers: dict[str, str], *, deletions: bool
) -> Iterator[Content | Skipped]:
    """Yield the change; raises UnreadableMessage when there is none in it."""
    if value is None:
        yield Skipped("tombstone")
        return
    not_registered(value)
    body = plain_json.read(value, "the body")
    if not isinstance(body, list):
        yield _event(body, headers, deletions)
        return
    yield from (_event(each, headers, deletions) for each in body)
    if not body:
        yield Skipped("empty")


def _event(body: Any, headers: dict[str, str], deletions: bool) -> Content | Skipped:
    message, wrapped = _unwrapped(body)
    if message is None:
        return Skipped("tombstone")
    if isinstance(message, dict) and isinstance(message.get("op"), str):
        return _change(message, headers, deletions)
    if isinstance(message, dict) and _is_marker(message):
        return Skipped("no_rows")
    if wrapped or isinstance(message, str) or "id" in headers:
        return Content(headers, _routed(message))
    raise UnreadableMessage(
        'not a Debezium change event: no "op"; flattened events have format json'
    )


def _unwrapped(body: Any) -> tuple[Any, bool]:
    """Return the message without its schema, and whether it had one."""
    wrapped = isinstance(body, dict) and "payload" in body and "op" not in body
    bare = wrapped and set(body) <= {"schema", "payload"}
    return (readable(body.get("schema"), body["payload"]), bare) if wrapped else (body, False)


def _is_marker(message: Mapping[str, Any]) -> bool:
    """Whether this is where a transaction begins or ends."""
    status = message.get("status")
    return isinstance(status, str) and status in _MARKERS and "id" in message


def _routed(message: Any) -> Any:
    """Return what the outbox router or the flattening step left: JSON, perhaps inside a text."""
    if not isinstance(message, str):
        return message
    try:
        return plain_json.read(message.encode(errors="replace"), "the payload")
    except NotPlain:
        return message


def _change(
    change: Mapping[str, Any], headers: Mapping[str, str], deletions: bool
) -> Content | Skipped:
    op = change["op"]
    if op in _ROWLESS:
        return Skipped("no_rows")
    if op == "d" and not deletions:
        return Skipped("deleted")
    if op not in _ROWS:
        raise UnreadableMessage(f"not a Debezium change event: op {op[:20]!r} is not known")
    where = "before" if op == "d" else "after"
    row = change.get(where)
    if not isinstance(row, dict):
        raise UnreadableMessage(f"Debezium op {op!r} without a row in `{where}`")
    source = change.get("source")
    origin = source if isinstance(source, dict) else {}
    stamp = origin.get("ts_ms") or change.get("ts_ms")
    about = {**{name: origin.get(name) for name in ("db", "schema", "table")}, "ts_ms": stamp}
    named = {f"debezium.{name}": _text(value) for name, value in about.items() if value is not None}
    return Content(
        {**headers, "debezium.op": op, **named}, row, before=change.get("before"), at=_at(stamp)
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _at(stamp: Any) -> datetime | None:
    try:
        milliseconds = int(stamp)
    except (TypeError, ValueError, OverflowError):
        return None
    if not 0 < milliseconds <= _LARGEST:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)
