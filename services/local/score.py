"""Lines of a recording as records to play: their topic, key, body and time. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from shared.errors import TouchbackError

_FRACTION = re.compile(r"\d[.,](\d+)")


class BadLine(TouchbackError):
    """A line that cannot be played; the others are."""


@dataclass(frozen=True, slots=True)
class Options:
    """How lines become records. `topic` is None only where every line is an envelope with its own.

    `speed` is how many times faster than it happened, None as fast as possible. With `rebase` the
    first line happens at that moment, and what follows at the moment it is played: the times move
    closer together with the speed, so that no line claims to be from the future.
    """

    topic: str | None
    key_field: str | None = None
    time_field: str = "at"
    speed: float | None = None
    rebase: datetime | None = None
    envelope: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """One record to send. `at` is None where no time was asked for."""

    topic: str
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    at: datetime | None


class Score:
    """Reads lines one after the other: the first one sets where the times are moved to."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._first: datetime | None = None

    def read(self, number: int, text: bytes) -> Played:
        """Raises BadLine with the number of the line and what is wrong with it."""
        data = _object(number, text)
        if not self._options.envelope:
            topic = self._options.topic or ""
            return self._played(number, Played(topic, None, text.strip(), (), None), data)
        return self._played(number, self._opened(number, data), data.get("body"))

    def _opened(self, number: int, data: Mapping[str, Any]) -> Played:
        topic, body = data.get("topic") or self._options.topic, data.get("body")
        key, headers = data.get("key"), data.get("headers") or {}
        if not isinstance(topic, str):
            raise BadLine(f'line {number}: no "topic", and no --topic for lines without one')
        if body is None or not isinstance(key, str | None) or not isinstance(headers, dict):
            raise BadLine(f'line {number}: should be {{"topic", "key", "headers", "body"}}')
        return Played(
            topic,
            None if key is None else key.encode(),
            _bytes(body),
            tuple((name, str(value).encode()) for name, value in headers.items()),
            None,
        )

    def _played(self, number: int, played: Played, body: Any) -> Played:
        options = self._options
        if options.key_field:
            played = replace(played, key=_key(number, body, options.key_field))
        if options.speed is None and options.rebase is None:
            return played
        written = str(body.get(options.time_field)) if isinstance(body, dict) else ""
        at = _moment(number, options.time_field, written)
        if options.rebase is None:
            return replace(played, at=at)
        self._first = self._first or at
        try:
            then = options.rebase + (at - self._first) / (options.speed or 1.0)
            moved = {**body, options.time_field: rewritten(written, then - at)}
        except OverflowError as error:
            raise BadLine(f'line {number}: "{options.time_field}" is too far away') from error
        return replace(played, at=at, value=_bytes(moved))


def rewritten(text: str, shift: timedelta) -> str:
    """Return a shifted time in the form of the original: same zone, separator and precision."""
    moved = datetime.fromisoformat(text) + shift
    fraction = _FRACTION.search(text)
    digits: Literal["seconds", "milliseconds", "microseconds"] = "seconds"
    if fraction:
        digits = "milliseconds" if len(fraction[1]) <= 3 else "microseconds"
    written = moved.isoformat(sep="T" if "T" in text else " ", timespec=digits)
    return written.replace("+00:00", "Z") if text.endswith("Z") else written


def _object(number: int, text: bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        start = text.decode(errors="replace").strip()
        raise BadLine(f"line {number}: not a JSON object: {start[:60]}")
    return data


def _bytes(body: Any) -> bytes:
    if isinstance(body, str):
        return body.encode(errors="replace")
    return json.dumps(body, ensure_ascii=False).encode(errors="replace")


def _key(number: int, body: Any, name: str) -> bytes:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str | int):
        raise BadLine(f'line {number}: no text or number in "{name}" to be the key')
    return str(value).encode(errors="replace")


def _moment(number: int, name: str, written: str) -> datetime:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        message = (
            f'line {number}: no ISO time in "{name}"; --time-field names the field that has it'
        )
        raise BadLine(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
