"""The clock that stands still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.clock import Clock
from tests.support.clock import START, ManualClock


def test_it_stands_still_until_it_is_advanced() -> None:
    clock: Clock = ManualClock()

    assert clock.now() == clock.now() == START


def test_advancing_moves_it_and_tells_the_new_time() -> None:
    clock = ManualClock()

    assert clock.advance(timedelta(hours=24)) == START + timedelta(days=1) == clock.now()


def test_it_tells_utc_whatever_zone_it_was_started_in() -> None:
    clock = ManualClock(datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))))

    assert clock.now().isoformat() == "2026-01-01T00:00:00+00:00"
    assert clock.now().tzinfo is UTC


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(timedelta(seconds=-1))
