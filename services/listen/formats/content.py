"""What formats have in common: the content they find in a record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from shared.errors import UnreadableMessage

_REGISTERED = b"\x00"


class Content(NamedTuple):
    """One event: its headers, its body, and what its envelope knows beyond that."""

    headers: Mapping[str, str]
    body: Any
    before: Any = None
    at: datetime | None = None


def not_registered(value: bytes) -> None:
    """Refuse by name what a schema registry's serialisers write: a zero and the schema's number."""
    if value[:1] == _REGISTERED and len(value) >= 5:
        raise UnreadableMessage(
            "Avro or Protobuf of a schema registry: have the connector or a stream job write JSON"
        )
