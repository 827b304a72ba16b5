"""What the figures say, and what they do not say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.console.decide import journey, scores, summary
from services.console.model import AskCount, CaseCount, CauseCount, ClockCount, ScoreCount, TeamNow
from shared.contracts.base import Metric
from shared.contracts.cases import Clock
from shared.contracts.figures import Figure, SurveyScore
from tests.support.clock import START

MONTH = timedelta(days=30)


def answers(
    high: int,
    mid: int = 0,
    low: int = 0,
    *,
    metric: Metric = "nps",
    ago: int = 0,
    **changes: object,
) -> ScoreCount:
    """What was answered in one period."""
    n = high + mid + low
    row = {"touchpoint": "delivered", "stage": "purchase", "survey": metric, "metric": metric}
    parts = dict.fromkeys(("needs", "ease", "enjoyment", "effort", "easy"), 0)
    counted = {"ago": ago, "answered": n, "high": high, "low": low, **parts}
    return ScoreCount(**{**row, **counted, **changes})  # type: ignore[arg-type]


def only(*counts: ScoreCount, periods: int = 2) -> SurveyScore:
    """The one score that these make."""
    (found,) = scores(counts, START, MONTH, periods).scores
    return found


def ends(figure: Figure) -> tuple[int | None, ...]:
    """The figure in whole points or hundredths."""
    times = 100 if figure.unit == "share" else 1
    said = (figure.value, figure.low, figure.high)
    return tuple(None if end is None else round(times * end) for end in said)


def test_nps_is_in_points_with_its_interval_and_its_scale() -> None:
    found = only(answers(50, 20, 10))
    figure = found.periods[-1].figure
    assert (figure.n, figure.unit, figure.direction) == (80, "points", "higher_is_better")
    assert ends(figure) == (50, 33, 64)
    assert (found.scale.minimum, found.scale.maximum) == (0, 10)


@pytest.mark.parametrize(
    ("metric", "top", "direction"),
    [
        ("csat", 5, "higher_is_better"),
        ("ces", 5, "lower_is_better"),
        ("ces2", 7, "higher_is_better"),
        ("experience", 5, "higher_is_better"),
    ],
)
def test_all_others_are_the_share_of_good_experiences(
    metric: Metric, top: int, direction: str
) -> None:
    found = only(answers(90, 5, 5, metric=metric))
    figure = found.periods[-1].figure
    assert (figure.unit, figure.direction, ends(figure)) == (
        "share",
        "higher_is_better",
        (90, 83, 94),
    )
    assert (found.scale.maximum, found.scale.direction) == (top, direction)


def test_twenty_nine_answers_are_too_few_for_a_value() -> None:
    few, enough = only(answers(29)), only(answers(30))
    figure = few.periods[-1].figure
    assert (figure.n, figure.too_few, ends(figure)) == (29, True, (None, None, None))
    assert enough.periods[-1].figure.value == 100


@pytest.mark.parametrize(
    ("before", "after", "trend"),
    [
        (answers(40, 20, 40, ago=1), answers(80, 10, 10), "better"),
        (answers(80, 10, 10, ago=1), answers(40, 20, 40), "worse"),
        (answers(40, 20, 40, ago=1), answers(42, 20, 38), "unclear"),
        (answers(20, ago=1), answers(0, 0, 100), "too_few"),
        (answers(10, 0, 90, ago=1, metric="ces"), answers(90, 0, 10, metric="ces"), "better"),
    ],
)
def test_a_trend_is_told_only_where_the_difference_is_beyond_doubt(
    before: ScoreCount, after: ScoreCount, trend: str
) -> None:
    assert only(before, after).trend == trend


def test_periods_follow_one_another_and_empty_ones_stand_among_them() -> None:
    found = only(answers(40, ago=2), answers(31), periods=3).periods
    assert [each.figure.n for each in found] == [40, 0, 31]
    assert [each.since for each in found] == [START - n * MONTH for n in (3, 2, 1)]
    assert [each.until for each in found] == [START - n * MONTH for n in (2, 1, 0)]
    assert only(answers(40), periods=1).trend == "too_few", "nothing to compare with"


def test_a_trend_compares_the_last_two_periods_alone() -> None:
    counts = answers(90, 0, 10, ago=2), answers(10, 0, 90, ago=1), answers(90, 0, 10)
    assert only(*counts, periods=3).trend == "better"


def test_surveys_and_metrics_are_never_mixed() -> None:
    found = scores(
        [answers(30, metric="ces"), answers(40, metric="ces2"), answers(50, survey="other")],
        START,
        MONTH,
        2,
    ).scores
    assert {(each.survey, each.periods[-1].figure.n) for each in found} == {
        ("ces", 30),
        ("ces2", 40),
        ("other", 50),
    }


def test_an_experience_tells_its_parts() -> None:
    parts = only(answers(60, 0, 40, metric="experience", needs=90, ease=60, enjoyment=75)).parts
    assert {name: ends(figure)[0] for name, figure in parts.items()} == {
        "needs": 90,
        "ease": 60,
        "enjoyment": 75,
    }
    assert only(answers(60)).parts == {}


def test_the_journey_has_every_stage_and_what_nobody_answered() -> None:
    found = journey(
        [("purchase", "delivered"), ("service", "fixed"), (None, "relationship")],
        [answers(40, effort=50, easy=40), answers(30, ago=1)],
        [AskCount("delivered", "purchase", 100, 40), AskCount("gone", "use", 10, 1)],
        [CaseCount("delivered", "purchase", 3, 1), CaseCount("noticed", "use", 2, 0)],
        {"delivered": {"eligible": 9}, "past": {"case": 1}},
        START,
        MONTH,
    )
    assert {s.stage: [p.touchpoint for p in s.touchpoints] for s in found.stages} == {
        "purchase": ["delivered"],
        "use": ["gone", "noticed"],
        "service": ["fixed"],
        None: ["relationship", "past"],
    }
    points = {each.touchpoint: each for stage in found.stages for each in stage.touchpoints}
    delivered = points["delivered"]
    assert (delivered.answered.n, ends(delivered.answered)) == (100, (40, 31, 50))
    assert (delivered.effort.n, ends(delivered.effort)[0]) == (50, 80)
    assert (delivered.open_cases, delivered.overdue_cases) == (3, 1)
    assert [each.periods[-1].figure.n for each in delivered.scores] == [40]
    assert (delivered.steps, points["past"].steps) == ({"eligible": 9}, {"case": 1})
    silent = points["fixed"]
    assert (silent.scores, silent.answered.n, silent.effort.n, silent.open_cases) == ((), 0, 0, 0)
    assert points["gone"].answered.too_few


def test_a_touchpoint_that_moved_to_another_stage_stands_in_both() -> None:
    counts = [answers(31, stage="use"), answers(40)]
    found = journey(
        [("use", "delivered")], counts, [], [], {"delivered": {"case": 1}}, START, MONTH
    )
    purchase, use = (stage.touchpoints[0] for stage in found.stages[:2])
    assert [each.scores[0].periods[-1].figure.n for each in (purchase, use)] == [40, 31]
    assert (purchase.steps, use.steps) == ({}, {"case": 1}), "counted once"


def test_effort_is_of_the_last_period_alone() -> None:
    found = journey([], [answers(1, effort=40, easy=4, ago=1)], [], [], {}, START, MONTH)
    assert found.stages[0].touchpoints[0].effort.n == 0


def decided(
    in_time: int, late: int = 0, unmet: int = 0, *, team: str = "care", clock: Clock = "contact"
) -> ClockCount:
    """Clocks that were stopped after an hour, after nine, and not at all."""
    seconds = (3600.0,) * in_time + (32400.0,) * late
    return ClockCount(team, clock, in_time + late + unmet, in_time, seconds)


def test_the_share_in_time_counts_who_was_never_contacted() -> None:
    found = summary([], [decided(40, 10, 50)], [], START, MONTH).in_time["contact"]
    assert (found.n, ends(found)) == (100, (40, 31, 50))


def test_the_median_counts_who_still_waits_as_longer_than_any() -> None:
    def median(counts: ClockCount) -> tuple[float | None, ...]:
        found = summary([], [counts], [], START, MONTH).median["contact"]
        assert (found.unit, found.direction) == ("seconds", "lower_is_better")
        return found.value, found.low, found.high

    assert median(decided(80, 20)) == (3600, 3600, 3600)
    assert median(decided(50, 10, 40)) == (3600 + (32400 - 3600) / 2, 3600, None)
    assert median(decided(20, 0, 80)) == (None, None, None), "most of them wait"
    assert median(decided(29)) == (None, None, None), "too few"


def test_a_manager_reads_of_each_team_and_of_all() -> None:
    earlier = START - timedelta(days=9)
    found = summary(
        [TeamNow("care", 2, 1, "c1", START), TeamNow("shop", 3, 0, "s1", earlier)],
        [decided(30), decided(30, 40, team="shop"), decided(5, team="past")],
        [
            CauseCount("care", "late", 2),
            CauseCount("care", "broken", 3),
            *(CauseCount("shop", f"cause-{n}", 1) for n in range(5)),
            CauseCount("shop", "late", 2),
        ],
        START,
        MONTH,
    )
    assert (found.open, found.overdue) == (5, 1)
    assert found.oldest is not None
    assert (found.oldest.case_id, found.oldest.opened_at) == ("s1", earlier)
    assert found.in_time["contact"].n == 105
    assert (found.in_time["acknowledge"].n, found.median["resolve"].n) == (0, 0)
    assert [(each.root_cause, each.n) for each in found.root_causes] == [
        ("late", 4),
        ("broken", 3),
        ("cause-0", 1),
        ("cause-1", 1),
        ("cause-2", 1),
    ]
    care, past, shop = found.teams
    assert [each.team for each in found.teams] == ["care", "past", "shop"]
    assert (care.open, care.overdue, care.in_time["contact"].value) == (2, 1, 1.0)
    assert [each.root_cause for each in care.root_causes] == ["broken", "late"]
    assert (past.open, past.oldest, past.in_time["contact"].too_few) == (0, None, True)
    assert ends(shop.in_time["contact"])[0] == 43
