"""The only reader of time: everything else takes `now` as an argument."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests pass one that stands still."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that never run backwards: for time-outs and heartbeats, never for facts."""
    return time.monotonic()
