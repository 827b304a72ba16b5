"""What a transaction has to say to others: written with its effects, published after it.

Nothing else publishes. The relay (shared/relay.py) brings these rows to Kafka, in order per key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import uuid4
from zlib import crc32

from shared import db, kernel, logs
from shared.contracts.base import Message
from shared.contracts.envelope import Event, Header, encode
from shared.contracts.registry import BY_NAME

SLOTS = 8
"""Key ranges; as many relays as this can publish side by side."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One row of the outbox. `id` is a UUID; `key` decides partition and order."""

    id: str
    topic: str
    key: bytes | None
    type: str
    payload: bytes | None
    headers: Sequence[Header]


def event(
    *,
    service: str,
    type: str,
    body: Message,
    customer_id: str,
    at: datetime,
    id: str | None = None,
) -> Outgoing:
    """Wrap a message, keyed by customer; `id` must be stable where a replay may come."""
    known = BY_NAME[type]
    if not isinstance(body, known.body):
        raise TypeError(f"{type} carries {known.body.__name__}, not {body.__class__.__name__}")
    ce_id = id or str(uuid4())
    headers, payload = encode(
        Event(
            ce_id,
            f"touchback/{service}",
            type,
            customer_id,
            at,
            body,
            logs.traceparent(),
        )
    )
    return Outgoing(ce_id, known.topic, customer_id.encode(), type, payload, headers)


def _text(text: str) -> str:
    """Replace the one character that PostgreSQL cannot keep."""
    return text.replace("\x00", "\ufffd")


def _slot(key: bytes | None) -> int:
    return crc32(key or b"") % SLOTS


@lru_cache(maxsize=64)
def _names(names: tuple[str, ...]) -> str:
    """Write names as the array that PostgreSQL reads; messages of one kind have the same ones."""
    quoted = (_text(each).replace("\\", r"\\").replace('"', r"\"") for each in names)
    return "{" + ",".join(f'"{each}"' for each in quoted) + "}"


def _bytes(values: Iterable[bytes | None]) -> str:
    """Write bytes as the array that PostgreSQL reads."""
    quoted = ("NULL" if each is None else rf'"\\x{each.hex()}"' for each in values)
    return "{" + ",".join(quoted) + "}"


def _row(message: Outgoing) -> tuple[object, ...]:
    return (
        message.id,
        message.topic,
        _text((message.key or b"").decode(errors="replace")),
        message.type,
        message.payload,
        message.key,
        _names(tuple(name for name, _ in message.headers)),
        _bytes(value for _, value in message.headers),
        _slot(message.key),
    )


async def add(connection: db.Connection, messages: Iterable[Outgoing], now: datetime) -> None:
    """Write messages into the outbox of the running transaction, and wake the relay at commit."""
    rows = [_row(message) for message in messages]
    if rows:
        columns = (list(column) for column in zip(*rows, strict=True))
        await connection.execute(kernel.QUERIES["outbox_add"], *columns, now)
