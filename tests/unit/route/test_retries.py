"""When a failed alert is tried again."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.route.decide import after_failure, judge_smtp, judge_status
from services.route.model import Again, Exhausted, Failure, Kind, Refused
from services.route.policy import JITTER, RETRIED, SCHEDULES

KINDS = st.sampled_from(sorted(SCHEDULES))
CHANCES = st.floats(min_value=0, max_value=1, exclude_max=True)
PASSING = st.sampled_from(sorted(RETRIED))


@given(KINDS, st.integers(1, 120), PASSING, CHANCES)
def test_a_passing_failure_is_tried_again_as_often_as_the_schedule_says(
    kind: Kind, attempt: int, failure: Failure, chance: float
) -> None:
    schedule = SCHEDULES[kind]

    step = after_failure(kind, attempt, Refused(failure), lambda: chance)

    if attempt >= len(schedule):
        assert step == Exhausted(permanent=False)
    else:
        assert isinstance(step, Again)
        assert abs(step.delay - schedule[attempt]) <= schedule[attempt] * JITTER


@given(KINDS, st.integers(1, 4), st.timedeltas(timedelta(0), timedelta(days=9)))
def test_retry_after_is_honoured_between_this_slot_and_the_next_or_ten_minutes(
    kind: Kind, attempt: int, asked: timedelta
) -> None:
    schedule = [*SCHEDULES[kind], SCHEDULES[kind][-1] * 2]

    step = after_failure(kind, attempt, Refused("rate_limited", asked), lambda: 0.5)

    if isinstance(step, Again):
        base, longest = schedule[attempt], max(schedule[attempt + 1], timedelta(minutes=10))
        assert base <= step.delay <= longest
        assert step.delay == asked or not base <= asked <= longest


@pytest.mark.parametrize(
    ("kind", "attempt", "asked", "waited"),
    [
        pytest.param("slack", 1, 120, 120, id="longer than the next slot"),
        pytest.param("slack", 1, 601, 600, id="longer than ten minutes"),
        pytest.param("slack", 1, 1, 5, id="shorter than the schedule"),
        pytest.param("webhook", 2, 1200, 1200, id="up to a slot that is further away"),
    ],
)
def test_a_receiver_may_ask_for_some_minutes(
    kind: Kind, attempt: int, asked: int, waited: int
) -> None:
    refused = Refused("rate_limited", timedelta(seconds=asked))

    assert after_failure(kind, attempt, refused, lambda: 0.5) == Again(timedelta(seconds=waited))


@pytest.mark.parametrize("failure", sorted(set(get_args(Failure)) - RETRIED))
def test_a_permanent_failure_is_not_tried_again(failure: Failure) -> None:
    assert after_failure("webhook", 1, Refused(failure), lambda: 0.5) == Exhausted(permanent=True)


@pytest.mark.parametrize("kind", sorted(SCHEDULES))
def test_schedules_begin_at_once_and_never_wait_shorter_than_before(kind: Kind) -> None:
    assert SCHEDULES[kind][0] == timedelta(0)
    assert all(earlier <= later for earlier, later in pairwise(SCHEDULES[kind]))


def test_people_are_told_again_every_quarter_of_an_hour_for_a_day() -> None:
    waits = SCHEDULES["email"]

    assert waits[:5] == tuple(timedelta(seconds=s) for s in (0, 5, 30, 120, 300))
    assert set(waits[5:]) == {timedelta(minutes=15)}
    assert timedelta(hours=23, minutes=45) < sum(waits, timedelta(0)) <= timedelta(days=1)


@pytest.mark.parametrize("failure", ["no_secret", "no_channel"])
@pytest.mark.parametrize("kind", sorted(SCHEDULES))
def test_what_an_operator_can_put_right_is_tried_again(kind: Kind, failure: Failure) -> None:
    assert isinstance(after_failure(kind, 1, Refused(failure), lambda: 0.5), Again)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, None),
        (204, None),
        (299, None),
        (301, "redirected"),
        (400, "client_error"),
        (401, "unauthorized"),
        (403, "unauthorized"),
        (404, "not_found"),
        (408, "timeout"),
        (410, "gone"),
        (422, "client_error"),
        (425, "rate_limited"),
        (429, "rate_limited"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
def test_what_a_status_means(status: int, expected: Failure | None) -> None:
    assert judge_status(status) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [(421, "smtp_temporary"), (499, "smtp_temporary"), (500, "smtp_permanent")],
)
def test_what_an_smtp_refusal_means(code: int, expected: Failure) -> None:
    assert judge_smtp(code) == expected
