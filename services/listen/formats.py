"""The formats of source events: plain JSON, CloudEvents and Debezium. Pure; one line per fault.

Whatever the format, rules see the business event alone: `body` is the data of a CloudEvent, and the
row after the change of a Debezium event. What the envelope says stands in `headers`: as `ce_id`,
`ce_type`, ... and as `debezium.op`, `debezium.table`, `debezium.ts_ms`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from services.listen.model import Skipped, SourceEvent
from shared.catalog.fields import Format
from shared.errors import UnreadableMessage
from shared.records import Record

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUSPICIOUS = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRUCTURED = "application/cloudevents"
_ROWS = frozenset({"c", "u", "r"})
_ROWLESS = frozenset({"t", "m"})  # truncated tables and messages of the database


@dataclass(frozen=True, slots=True)
class _Content:
    headers: Mapping[str, str]
    body: Mapping[str, Any]


def read(record: Record, form: Format) -> SourceEvent | Skipped:
    """Take the event out of its record; raises UnreadableMessage with one line for a person."""
    if record.value is not None and len(record.value) > MAX_BYTES:
        raise UnreadableMessage(f"{len(record.value)} bytes; at most {MAX_BYTES} are read")
    headers = {name: text for name, text in record.text_headers.items() if "\x00" not in text}
    content = _content(record.value, headers, form)
    if isinstance(content, Skipped):
        return content
    return SourceEvent(
        headers=content.headers,
        body=content.body,
        key=_key(record.key),
        at=None if record.timestamp < 0 else _EPOCH + timedelta(milliseconds=record.timestamp),
        place=f"{record.position}@{record.timestamp}",
        size=len(record.value or b"") + sum(len(n) + len(t) for n, t in content.headers.items()),
    )


def _content(value: bytes | None, headers: dict[str, str], form: Format) -> _Content | Skipped:
    if form == "cloudevents":
        return _cloudevent(value, headers)
    if value is None:
        return Skipped("tombstone")
    if form == "debezium":
        return _debezium(value, headers)
    return _Content(headers, _object(value))


def _key(key: bytes | None) -> str:
    """Return the key as text; a binary one is as good as none to a rule."""
    try:
        text = (key or b"").decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\x00" in text else text


def _object(value: bytes, what: str = "the body") -> dict[str, Any]:
    data = _json(value, what)
    if not isinstance(data, dict):
        raise UnreadableMessage(f"{what} is {_kind(data)}, not an object")
    return data


def _json(value: bytes, what: str) -> Any:
    try:
        data = json.loads(value.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise UnreadableMessage(f"{what} is not text in UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise UnreadableMessage(
            f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except ValueError as error:
        raise UnreadableMessage(f"{what} holds a number that is too long") from error
    except RecursionError as error:
        raise UnreadableMessage(f"{what} is nested deeper than {MAX_DEPTH} levels") from error
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH or _SUSPICIOUS.search(value):
        _inspect(data, what)
    return data


def _no_constant(name: str) -> NoReturn:
    raise UnreadableMessage(f"the body holds {name}, which is not JSON")


def _inspect(data: Any, what: str) -> None:
    """Refuse what the rule engine would cut short or choke on."""
    for value, depth in _walk(data):
        if depth > MAX_DEPTH:
            raise UnreadableMessage(f"{what} is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, str) and "\x00" in value:
            raise UnreadableMessage(f"{what} holds the character U+0000 inside a text")
        if isinstance(value, str) and _SURROGATE.search(value):
            raise UnreadableMessage(f"{what} holds half a character (a lone surrogate)")


def _walk(data: Any) -> Iterator[tuple[Any, int]]:
    """Yield every value and key with its depth; without recursion, which deep input would end."""
    waiting: list[tuple[Any, int]] = [(data, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield value, depth
        if depth > MAX_DEPTH:
            continue
        if isinstance(value, dict):
            waiting.extend((each, depth + 1) for pair in value.items() for each in pair)
        elif isinstance(value, list):
            waiting.extend((each, depth + 1) for each in value)


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _cloudevent(value: bytes | None, headers: dict[str, str]) -> _Content | Skipped:
    kind = next((text for name, text in headers.items() if name.lower() == "content-type"), "")
    if kind.lower().startswith(f"{_STRUCTURED}-batch"):
        raise UnreadableMessage("a batch of CloudEvents; send one event per record")
    if kind.lower().startswith(_STRUCTURED):
        return _structured(_object(value or b""), headers)
    if "ce_specversion" in headers:
        _required(headers)
        return _Content(headers, _object(value) if value else {})
    if value is None:
        return Skipped("tombstone")
    # Some producers leave the content type out; the body then says itself what it is.
    body = _object(value)
    if "specversion" not in body:
        raise UnreadableMessage("not a CloudEvent: no ce_specversion header and no specversion")
    return _structured(body, headers)


def _structured(envelope: dict[str, Any], headers: dict[str, str]) -> _Content:
    attributes = {
        f"ce_{name}": _text(value)
        for name, value in envelope.items()
        if name not in ("data", "data_base64") and not isinstance(value, dict | list | None)
    }
    merged = {**headers, **attributes}
    _required(merged)
    if "data_base64" in envelope:
        return _Content(merged, _object(_unwrapped(envelope["data_base64"]), "data_base64"))
    data = envelope.get("data")
    if not isinstance(data, dict | None):
        raise UnreadableMessage(f"data is {_kind(data)}, not an object")
    return _Content(merged, data or {})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _unwrapped(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise UnreadableMessage("data_base64 is not base64") from error


def _required(attributes: Mapping[str, str]) -> None:
    missing = [name for name in ("id", "source", "type") if not attributes.get(f"ce_{name}")]
    if missing:
        raise UnreadableMessage(f"not a CloudEvent: attribute {missing[0]} is absent or empty")
    if not attributes.get("ce_specversion", "").startswith("1."):
        raise UnreadableMessage("not a CloudEvent of version 1.0: specversion says otherwise")


def _debezium(value: bytes, headers: dict[str, str]) -> _Content | Skipped:
    message = _object(value)
    change = message.get("payload") if "payload" in message and "op" not in message else message
    if change is None:
        return Skipped("tombstone")
    op = change.get("op") if isinstance(change, dict) else None
    if not isinstance(change, dict) or not isinstance(op, str):
        raise UnreadableMessage(
            'not a Debezium change event: no "op"; flattened events have format json'
        )
    if op == "d":
        return Skipped("deleted")
    if op in _ROWLESS:
        return Skipped("no_rows")
    return _Content({**headers, **_about(op, change)}, _after(op, change))


def _after(op: str, change: Mapping[str, Any]) -> dict[str, Any]:
    if op not in _ROWS:
        raise UnreadableMessage(f"not a Debezium change event: op {op!r} is not known")
    after = change.get("after")
    if not isinstance(after, dict):
        raise UnreadableMessage(f"Debezium op {op!r} without a row in `after`")
    return after


def _about(op: str, change: Mapping[str, Any]) -> dict[str, str]:
    source = change.get("source")
    origin = source if isinstance(source, dict) else {}
    known = {"table": origin.get("table"), "ts_ms": origin.get("ts_ms", change.get("ts_ms"))}
    named = {f"debezium.{name}": _text(value) for name, value in known.items() if value is not None}
    return {"debezium.op": op, **named}
