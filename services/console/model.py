"""What the pages show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

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
    """How much waits for one team."""

    team: str
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
