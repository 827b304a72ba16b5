"""What the figures say, each with its n and its interval; nothing where there are too few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import isfinite
from typing import TypeAlias

from services.console.model import (
    CLOCKS,
    AskCount,
    CaseCount,
    CauseCount,
    ClockCount,
    ScoreCount,
    TeamNow,
)
from shared import intervals
from shared.catalog.scales import EXPERIENCE_PARTS, SCALES
from shared.contracts.base import Metric, Stage
from shared.contracts.figures import (
    Direction,
    Figure,
    Journey,
    JourneyPoint,
    JourneyStage,
    OldestCase,
    Period,
    RootCause,
    ScaleOf,
    Scores,
    Summary,
    SurveyScore,
    TeamFigures,
    TeamSummary,
)
from shared.intervals import Estimate

Place: TypeAlias = tuple[Stage | None, str]
"""A touchpoint in the stage that it belonged to when something happened there."""

STAGES: tuple[Stage | None, ...] = ("purchase", "use", "service", None)
TOP = 5


def share(hits: int, n: int) -> Figure:
    """Return a share of which more is better."""
    return _figure(intervals.share(hits, n), "share", "higher_is_better")


def _figure(found: Estimate, unit: str, direction: Direction) -> Figure:
    said = {} if found.too_few else {"value": found.value, "low": found.low, "high": found.high}
    known = {name: end for name, end in said.items() if end is not None and isfinite(end)}
    return Figure.model_validate(
        {"n": found.n, "unit": unit, "direction": direction, "too_few": found.too_few, **known}
    )


# --- scores --------------------------------------------------------------------------------------


def scores(counts: Sequence[ScoreCount], now: datetime, span: timedelta, periods: int) -> Scores:
    """Return the score of each survey at each touchpoint."""
    groups = groupby(sorted(counts, key=_survey), _survey)
    found = tuple(_score(list(rows), now, span, periods) for _, rows in groups)
    return Scores(at=now, days=span.days, scores=found)


def _survey(count: ScoreCount) -> tuple[str, str, str, str]:
    return count.touchpoint, count.stage or "", count.survey, count.metric


def _score(rows: Sequence[ScoreCount], now: datetime, span: timedelta, periods: int) -> SurveyScore:
    first = rows[0]
    by_period = {row.ago: row for row in rows}
    found = [_estimate(first.metric, by_period.get(ago)) for ago in reversed(range(periods))]
    earlier = found[-2] if periods > 1 else _estimate(first.metric, None)
    unit = "points" if first.metric == "nps" else "share"
    scale = SCALES[first.metric]
    return SurveyScore(
        touchpoint=first.touchpoint,
        stage=first.stage,
        survey=first.survey,
        metric=first.metric,
        scale=ScaleOf(minimum=scale.minimum, maximum=scale.maximum, direction=scale.direction),
        periods=tuple(
            Period(
                since=now - (ago + 1) * span,
                until=now - ago * span,
                figure=_figure(each, unit, "higher_is_better"),
            )
            for ago, each in zip(reversed(range(periods)), found, strict=True)
        ),
        trend=intervals.verdict(earlier, found[-1], more_is_better=True),
        parts=_parts(first.metric, by_period.get(0)),
    )


def _estimate(metric: Metric, count: ScoreCount | None) -> Estimate:
    high, low, n = (count.high, count.low, count.answered) if count else (0, 0, 0)
    return intervals.nps(high, low, n) if metric == "nps" else intervals.share(high, n)


def _parts(metric: Metric, count: ScoreCount | None) -> dict[str, Figure]:
    if metric != "experience":
        return {}
    n = count.answered if count else 0
    return {part: share(getattr(count, part, 0), n) for part in EXPERIENCE_PARTS}


# --- the journey ---------------------------------------------------------------------------------


def journey(
    places: Iterable[Place],
    counts: Sequence[ScoreCount],
    asks: Sequence[AskCount],
    cases: Sequence[CaseCount],
    steps: Mapping[str, Mapping[str, int]],
    now: datetime,
    span: timedelta,
) -> Journey:
    """Return every stage with its touchpoints: those of the catalog, and others that were there.

    `counts` are those of two periods, so that it can be said what changed.
    """
    known = list(dict.fromkeys([*places, *map(_place, counts), *map(_place, asks)]))
    known += sorted({_place(each) for each in cases} - {*known}, key=str)
    known += [(None, each) for each in sorted(steps.keys() - {name for _, name in known})]
    taken = dict(steps)  # which knows no stage: the first place of a touchpoint has its steps
    given = scores(counts, now, span, 2).scores
    asked = {_place(each): each for each in asks}
    open_cases = {_place(each): each for each in cases}
    points: dict[Place, JourneyPoint] = {
        place: _point(
            place,
            tuple(each for each in given if (each.stage, each.touchpoint) == place),
            [each for each in counts if _place(each) == place and each.ago == 0],
            asked.get(place),
            open_cases.get(place),
            taken.pop(place[1], {}),
        )
        for place in known
    }
    stages = (
        JourneyStage(stage=stage, touchpoints=tuple(points[p] for p in known if p[0] == stage))
        for stage in STAGES
    )
    return Journey(at=now, days=span.days, stages=tuple(stages))


def _place(count: ScoreCount | AskCount | CaseCount) -> Place:
    return count.stage, count.touchpoint


def _point(
    place: Place,
    given: tuple[SurveyScore, ...],
    counts: Sequence[ScoreCount],
    asks: AskCount | None,
    cases: CaseCount | None,
    steps: Mapping[str, int],
) -> JourneyPoint:
    easy, effort = sum(each.easy for each in counts), sum(each.effort for each in counts)
    return JourneyPoint(
        touchpoint=place[1],
        scores=given,
        answered=share(asks.answered, asks.asked) if asks else share(0, 0),
        effort=share(easy, effort),
        open_cases=cases.open if cases else 0,
        overdue_cases=cases.overdue if cases else 0,
        steps=dict(steps),
    )


# --- the summary ---------------------------------------------------------------------------------


def summary(
    waiting: Sequence[TeamNow],
    clocks: Sequence[ClockCount],
    causes: Sequence[CauseCount],
    now: datetime,
    span: timedelta,
) -> Summary:
    """Return what a manager wants to know, in all and for each team."""
    teams = {e.team for e in waiting} | {e.team for e in clocks} | {e.team for e in causes}

    def of(team: str) -> TeamFigures:
        return _of_team(
            [each for each in waiting if each.team == team],
            [each for each in clocks if each.team == team],
            [each for each in causes if each.team == team],
        )

    return Summary(
        at=now,
        days=span.days,
        teams=tuple(TeamSummary(team=team, **dict(of(team))) for team in sorted(teams)),
        **dict(_of_team(waiting, clocks, causes)),
    )


def _of_team(
    waiting: Sequence[TeamNow], clocks: Sequence[ClockCount], causes: Sequence[CauseCount]
) -> TeamFigures:
    oldest = min(waiting, key=lambda each: (each.oldest_at, each.oldest_case), default=None)
    each_clock = {clock: [c for c in clocks if c.clock == clock] for clock in CLOCKS}
    given: Counter[str] = Counter()
    for cause in causes:
        given[cause.root_cause] += cause.n
    frequent = sorted(given.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return TeamFigures(
        open=sum(each.open for each in waiting),
        overdue=sum(each.overdue for each in waiting),
        oldest=oldest and OldestCase(case_id=oldest.oldest_case, opened_at=oldest.oldest_at),
        in_time={clock: _in_time(counts) for clock, counts in each_clock.items()},
        median={clock: _median(counts) for clock, counts in each_clock.items()},
        root_causes=tuple(RootCause(root_cause=cause, n=n) for cause, n in frequent),
    )


def _in_time(counts: Sequence[ClockCount]) -> Figure:
    return share(sum(each.in_time for each in counts), sum(each.decided for each in counts))


def _median(counts: Sequence[ClockCount]) -> Figure:
    seconds = [each for count in counts for each in count.seconds]
    longer = sum(each.decided for each in counts) - len(seconds)
    return _figure(intervals.median(seconds, longer), "seconds", "lower_is_better")
