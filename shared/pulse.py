"""Liveness means progress: every loop beats, and a loop that stopped beating is dead."""

from __future__ import annotations

from collections.abc import Callable

STALLED_AFTER = 60.0
"""Seconds without progress after which a process must end, so that it is started afresh."""


class Pulse:
    """The heartbeat of one loop. `monotonic` gives seconds that never run backwards."""

    def __init__(self, name: str, monotonic: Callable[[], float]) -> None:
        self.name = name
        self._monotonic = monotonic
        self._last = monotonic()

    def beat(self) -> None:
        """Say that the loop went round, or had nothing to do."""
        self._last = self._monotonic()

    @property
    def stalled(self) -> bool:
        """True when the loop made no progress for a minute."""
        return self._monotonic() - self._last > STALLED_AFTER
