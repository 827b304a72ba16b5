"""What the pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared.contracts.base import Metric, Stage
from shared.contracts.cases import CaseEvent, CaseState, Clock, Deadline

OPEN: tuple[CaseState, ...] = ("new", "assigned", "acknowledged", "contacted", "waiting_customer")
CLOCKS: tuple[Clock, ...] = ("acknowledge", "contact", "resolve")

Kind = Literal["decision", "invitation", "response", "case", "alert", "feedback"]
Step = Literal[
    "acknowledge",
    "contacted",
    "waiting",
    "resolve",
    "reopen",
    "reassign",
    "hand_back",
    "note",
    "merge",
    "correct",
    "suppress",
]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a customer's timeline; `title` is what happened, in the words of the contract."""

    at: datetime
    kind: Kind
    title: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a case stands against its next clock: `left` is negative once it has run out."""

    clock: Clock
    due_at: datetime
    left: timedelta

    @property
    def late(self) -> bool:
        return self.left < timedelta(0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the inbox is asked to show."""

    team: str | None = None
    state: str = "open"
    search: str | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class Inbox:
    """One page of cases, and how many there are in all."""

    cases: tuple[CaseEvent, ...]
    total: int


@dataclass(frozen=True, slots=True)
class TeamNow:
    """How much waits for one team, and what waits for longest."""

    team: str
    open: int
    overdue: int
    oldest_case: str
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class ClockCount:
    """How one clock of a team's cases was decided; `seconds` are of those that were stopped."""

    team: str
    clock: Clock
    decided: int
    in_time: int
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CauseCount:
    """In how many of a team's cases a root cause was given."""

    team: str
    root_cause: str
    n: int


@dataclass(frozen=True, slots=True)
class ScoreCount:
    """Answers of one period, `ago` periods before the last; the parts are their good answers."""

    touchpoint: str
    stage: Stage | None
    survey: str
    metric: Metric
    ago: int
    answered: int
    high: int
    low: int
    needs: int
    ease: int
    enjoyment: int
    effort: int
    easy: int


@dataclass(frozen=True, slots=True)
class AskCount:
    """Asks of a touchpoint, and how many of them were answered."""

    touchpoint: str
    stage: Stage | None
    asked: int
    answered: int


@dataclass(frozen=True, slots=True)
class CaseCount:
    """Cases of a touchpoint that wait."""

    touchpoint: str
    stage: Stage | None
    open: int
    overdue: int


def running(event: CaseEvent) -> tuple[Deadline, ...]:
    """Return the deadlines that still wait for a person."""
    if event.state not in OPEN:
        return ()
    return tuple(
        each
        for each in event.deadlines
        if each.clock in CLOCKS and each.met_at is None and each.paused_at is None
    )
