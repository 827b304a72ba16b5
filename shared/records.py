"""A Kafka record as it came, before anyone believes anything about it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.envelope import Header


@dataclass(frozen=True, slots=True)
class Record:
    """Raw bytes and where they stood. `timestamp` is in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    @property
    def position(self) -> str:
        """Where it stands, as people and logs say it."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def text_headers(self) -> dict[str, str]:
        """The headers that are text; null and binary ones are left out."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            try:
                found[name] = (value or b"").decode()
            except UnicodeDecodeError:
                continue
        return found
