"""A loop that stopped beating for a minute is stalled."""

from __future__ import annotations

from itertools import chain, repeat

from shared.pulse import STALLED_AFTER, Pulse


def pulse_at(*seconds: float) -> Pulse:
    times = chain(seconds, repeat(seconds[-1]))
    return Pulse("relay", lambda: next(times))


def test_a_loop_is_alive_up_to_a_minute_after_its_last_beat() -> None:
    assert not pulse_at(0, STALLED_AFTER).stalled


def test_a_loop_is_stalled_after_that() -> None:
    assert pulse_at(0, STALLED_AFTER + 0.1).stalled


def test_a_beat_starts_the_minute_anew() -> None:
    pulse = pulse_at(0, STALLED_AFTER, STALLED_AFTER + 0.1)
    pulse.beat()
    assert not pulse.stalled
