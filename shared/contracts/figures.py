"""Published figures, as `console` gives them to programs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.contracts.base import Message, Metric, Moment, Name, Stage

Direction = Literal["higher_is_better", "lower_is_better"]
Trend = Literal["better", "worse", "unclear", "too_few"]


class Figure(Message):
    """What was found among `n`, with its 95 % interval from `low` to `high`.

    `share` is 0 to 1, `points` -100 to 100, `seconds` are passed time, not working time. Where `n`
    is under 30 it is `too_few` and nothing else is said. An end of seconds that is None lies among
    those who still wait, as the value itself does when most of them do.
    """

    n: int = Field(ge=0)
    unit: Literal["share", "points", "seconds"]
    direction: Direction
    too_few: bool
    value: float | None = None
    low: float | None = None
    high: float | None = None


class ScaleOf(Message):
    """The scale that was answered on; `direction` says which of its ends is the good one."""

    minimum: int
    maximum: int
    direction: Direction


class Period(Message):
    """The figure of a stretch of time: after `since`, up to `until`."""

    since: Moment
    until: Moment
    figure: Figure


class SurveyScore(Message):
    """What was answered to a survey at a touchpoint, in consecutive periods, the oldest first.

    The figure of nps is promoters less detractors in points; of all other metrics the share of good
    experiences (csat and experience 4 to 5, ces 1 to 2, ces2 6 to 7), so more is better whatever
    the scale's direction. An experience is as good as its worst part; `parts` are the shares for
    each part, in the last period. `trend` compares the last two periods. `stage` is that of the
    touchpoint when it happened.
    """

    touchpoint: Name
    stage: Stage | None = None
    survey: Name
    metric: Metric
    scale: ScaleOf
    periods: tuple[Period, ...]
    trend: Trend
    parts: dict[str, Figure] = Field(default_factory=dict)


class Scores(Message):
    """`GET /v1/scores`: figures of periods of so many days, the last of which ends now."""

    at: Moment
    days: int
    scores: tuple[SurveyScore, ...]


class JourneyPoint(Message):
    """How a touchpoint does.

    `answered` is the share of those asked, by asks sent in the period; who may still answer has
    not. `effort` is the share of little effort (1 to 2 of 5) among those who said how much it took.
    `steps` counts how far moments came, as the page does: by days of UTC, today included; a step
    may count what came to the one before it earlier.
    """

    touchpoint: Name
    scores: tuple[SurveyScore, ...] = ()
    answered: Figure
    effort: Figure
    open_cases: int = 0
    overdue_cases: int = 0
    steps: dict[str, int] = Field(default_factory=dict)


class JourneyStage(Message):
    """The touchpoints of a stage; those of no stage in particular stand under None."""

    stage: Stage | None
    touchpoints: tuple[JourneyPoint, ...]


class Journey(Message):
    """`GET /v1/journey`: every stage with its touchpoints, also those that nobody answered."""

    at: Moment
    days: int
    stages: tuple[JourneyStage, ...]


class OldestCase(Message):
    """The case that has been open for longest."""

    case_id: str
    opened_at: Moment


class RootCause(Message):
    """In how many cases it was given."""

    root_cause: str
    n: int


class TeamFigures(Message):
    """How cases do: now, and those opened in the last days.

    `in_time` and `median` are by clock (`acknowledge`, `contact`, `resolve`), each over the first
    clocks that are decided: stopped, or run out. One that ran out and was not stopped counts as
    longer than any. `root_causes` are the most frequent ones.
    """

    open: int
    overdue: int
    oldest: OldestCase | None = None
    in_time: dict[str, Figure] = Field(default_factory=dict)
    median: dict[str, Figure] = Field(default_factory=dict)
    root_causes: tuple[RootCause, ...] = ()


class TeamSummary(TeamFigures):
    """The figures of one team."""

    team: Name


class Summary(TeamFigures):
    """`GET /v1/summary`: how much waits and how it goes, in all and for each team."""

    at: Moment
    days: int
    teams: tuple[TeamSummary, ...]
