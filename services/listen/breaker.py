"""When a topic is better left alone for a while: pure, the clock is an argument.

A mapping or a sender that broke refuses nearly everything. Going on would move a whole topic into
the dead letters; waiting leaves it where it is, in order, until somebody has repaired it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.listen.model import Pause
from shared.catalog.sources import PauseAbove

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=10)

Refusals = Sequence[str | None]
"""What came of records in their order: None, or why one was refused."""


@dataclass(slots=True)
class Window:
    """How many records of a topic were refused lately."""

    slices: deque[tuple[datetime, int, int]] = field(default_factory=deque)

    def add(self, outcomes: Refusals, now: datetime) -> None:
        """Count what was stored."""
        if outcomes:
            self.slices.append((now, _failed(outcomes), len(outcomes)))

    def counts(self, now: datetime, within: timedelta) -> tuple[int, int]:
        """Return how many failed and how many there were; forgets what is older."""
        while self.slices and now - self.slices[0][0] > within:
            self.slices.popleft()
        return sum(each[1] for each in self.slices), sum(each[2] for each in self.slices)


def trip(
    window: Window, outcomes: Refusals, limit: PauseAbove, now: datetime
) -> tuple[int, int, int] | None:
    """Return where in these records the share passed the limit, and the counts; None if nowhere."""
    failed, seen = window.counts(now, limit.within)
    for place, outcome in enumerate(outcomes, start=1):
        seen += 1
        failed += outcome is not None
        if outcome is not None and seen >= limit.at_least and failed / seen > limit.share:
            return place, failed, seen
    return None


def still_bad(outcomes: Refusals, limit: PauseAbove) -> bool:
    """Whether records that were looked at again would pass the limit by themselves."""
    return bool(outcomes) and _failed(outcomes) / len(outcomes) > limit.share


def paused(topic: str, reason: str, failed: int, seen: int, now: datetime) -> Pause:
    """Return a pause that begins now."""
    return Pause(topic, now, reason, failed, seen, 0, now + FIRST_WAIT, None)


def longer(pause: Pause, outcomes: Refusals, now: datetime) -> Pause:
    """Return the pause after a try in vain: the wait doubles."""
    wait = min(FIRST_WAIT * 2 ** min(pause.tries + 1, 10), LONGEST_WAIT)
    return replace(
        pause,
        tries=pause.tries + 1,
        next_try=now + wait,
        reason=last(outcomes) or pause.reason,
        failed=_failed(outcomes),
        seen=len(outcomes),
    )


def strictest(limits: Iterable[PauseAbove]) -> PauseAbove:
    """Return one limit for sources that share a topic: an offset is the topic's, so is a pause."""
    every = list(limits)
    return PauseAbove(
        share=min(each.share for each in every),
        at_least=min(each.at_least for each in every),
        within=max(each.within for each in every),
    )


def last(outcomes: Refusals) -> str | None:
    """Return the last reason among them."""
    return next((each for each in reversed(outcomes) if each is not None), None)


def _failed(outcomes: Refusals) -> int:
    return sum(each is not None for each in outcomes)
