"""CloudEvents 1.0: structured, binary and batch, as on Kafka and as HTTP requests carry them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from services.listen.formats.content import Content, not_registered
from services.listen.model import Skipped
from shared import plain_json
from shared.errors import UnreadableMessage
from shared.plain_json import kind

_STRUCTURED = "application/cloudevents"
_DATA = frozenset({"data", "data_base64"})
_REQUIRED = ("specversion", "id", "source", "type")
_OPTIONAL = frozenset({"subject", "time", "datacontenttype", "dataschema"})
_NAME = re.compile(r"[a-z0-9]+")
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?P<fraction>\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)"
)
_MEDIA = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(;.*)?", re.ASCII | re.DOTALL)
_JSON = re.compile(r"(application|text)/(.+\+)?json\s*(;.*)?", re.IGNORECASE | re.DOTALL)


def read(value: bytes | None, headers: dict[str, str]) -> Iterator[Content | Skipped]:
    """Yield the events of a record; raises UnreadableMessage when one of them is not one."""
    form = headers.get("content-type", "").lower()
    if form.startswith(f"{_STRUCTURED}-batch"):
        yield from _batch(value, headers)
    elif form.startswith(_STRUCTURED):
        yield _structured(plain_json.read(value or b"", "the body"), headers)
    elif attributes := binary_attributes(headers):
        yield _content(attributes, headers, value, None)
    elif value is None:
        yield Skipped("tombstone")
    else:
        # Some producers leave the content type out; the body then says itself what it is.
        not_registered(value)
        yield from _undeclared(plain_json.read(value, "the body"), headers)


def binary_attributes(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes that stand in headers (`ce_` on Kafka, `ce-` over HTTP), if any."""
    found: dict[str, Any] = {}
    for name, text in headers.items():
        if name.startswith("ce_"):
            found[name[3:].lower()] = text
        elif name.lower().startswith("ce-"):
            found[name[3:].lower()] = unquote(text)
    if found and "content-type" in headers:
        found["datacontenttype"] = headers["content-type"]
    return found if "specversion" in found else {}


def _batch(value: bytes | None, headers: dict[str, str]) -> Iterator[Content | Skipped]:
    events = plain_json.read(value or b"", "the body")
    if not isinstance(events, list):
        raise UnreadableMessage(f"a batch of CloudEvents is a list; the body is {kind(events)}")
    yield from (_structured(each, headers) for each in events)
    if not events:
        yield Skipped("empty")


def _undeclared(body: Any, headers: dict[str, str]) -> Iterator[Content | Skipped]:
    if isinstance(body, list) and body and all(map(_has_version, body)):
        yield from (_structured(each, headers) for each in body)
    elif _has_version(body):
        yield _structured(body, headers)
    else:
        raise UnreadableMessage("not a CloudEvent: no ce_specversion header and no specversion")


def _has_version(body: Any) -> bool:
    return isinstance(body, dict) and "specversion" in body


def _structured(event: Any, headers: dict[str, str]) -> Content:
    if not isinstance(event, dict):
        raise UnreadableMessage(f"a CloudEvent is an object; this one is {kind(event)}")
    attributes = {name: value for name, value in event.items() if name not in _DATA}
    wrapped, data = event.get("data_base64"), event.get("data")
    if wrapped is not None and data is not None:
        raise _not("it has both data and data_base64")
    return _content(attributes, headers, None if wrapped is None else _unwrapped(wrapped), data)


def _content(
    attributes: Mapping[str, Any], headers: Mapping[str, str], raw: bytes | None, data: Any
) -> Content:
    known = _checked({name: each for name, each in attributes.items() if each is not None})
    merged = {**headers, **{f"ce_{name}": text for name, text in known.items()}}
    form = known.get("datacontenttype", "application/json")
    body = {} if raw is None and data is None else data if raw is None else _body(raw, form)
    return Content(merged, body, at=_moment(known))


def _body(raw: bytes, form: str) -> Any:
    if _JSON.fullmatch(form.strip()):
        return plain_json.read(raw, "the data") if raw else {}
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise UnreadableMessage(f"data of {form} is not read: have it sent as JSON") from None
    if "\x00" in text:
        raise UnreadableMessage("the data hold the character U+0000")
    return text


def _unwrapped(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise UnreadableMessage("data_base64 is not base64") from error


def _checked(attributes: Mapping[str, Any]) -> dict[str, str]:
    for name in _REQUIRED:
        if attributes.get(name, "") == "":
            raise _not(f"attribute {name} is absent or empty")
    if attributes["specversion"] != "1.0":
        raise UnreadableMessage("not a CloudEvent of version 1.0: specversion says otherwise")
    return {name: _attribute(name, value) for name, value in attributes.items()}


def _attribute(name: str, value: Any) -> str:
    if _NAME.fullmatch(name) is None:
        raise _not("attribute names are lower-case letters and digits")
    if not isinstance(value, str):
        if name in _REQUIRED or name in _OPTIONAL or not isinstance(value, (bool, int)):
            raise _not(f"attribute {name} is {kind(value)}, not a text")
        return json.dumps(value)
    if "\x00" in value:
        raise _not(f"attribute {name} holds the character U+0000")
    if name in _OPTIONAL and not value:
        raise _not(f"attribute {name} is empty: leave it out")
    if name == "time" and _TIME.fullmatch(value) is None:
        raise _not("attribute time is not like 2026-01-31T09:30:00Z")
    if name == "datacontenttype" and _MEDIA.fullmatch(value) is None:
        raise _not("attribute datacontenttype is not one, such as application/json")
    return value


def _moment(attributes: Mapping[str, str]) -> datetime | None:
    if "time" not in attributes:
        return None
    try:
        return datetime.fromisoformat(attributes["time"].upper())
    except ValueError:
        raise _not("attribute time is no moment of the calendar") from None


def _not(message: str) -> UnreadableMessage:
    return UnreadableMessage(f"not a CloudEvent: {message}")
