"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday noon far from any change of clocks."""


class ManualClock:
    """Satisfies `shared.clock.Clock`."""

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("A clock needs an aware start")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Aware, UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Forwards only; returns the new now."""
        if by < timedelta(0):
            raise ValueError("Time does not run backwards")
        self._now += by
        return self._now
