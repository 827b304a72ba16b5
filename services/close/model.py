"""The facts of a case, what may be done to it, and what comes of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from shared.contracts import api
from shared.contracts.cases import CaseEvent, CaseScore, CaseState, Clock, Deadline

ActionName = Literal["acknowledge", "contacted", "waiting", "resolve", "reopen", "reassign", "note"]
EventType = Literal[
    "opened",
    "attached",
    "acknowledged",
    "contacted",
    "waiting",
    "resolved",
    "reopened",
    "reassigned",
    "noted",
]
RefusalReason = Literal["outdated_version", "not_possible"]

OPEN: tuple[CaseState, ...] = (
    "new",
    "assigned",
    "acknowledged",
    "contacted",
    "waiting_customer",
)
"""States in which somebody still has to do something for the customer."""

DONE: tuple[CaseState, ...] = ("resolved", "closed", "closed_unconfirmed")
"""Put right, as far as we know: a person or a further low score may open it again."""

TERMINAL: tuple[CaseState, ...] = ("merged", "suppressed", "corrected")
"""Nothing leads out of these."""

CLOCKS: tuple[Clock, ...] = ("acknowledge", "contact", "resolve")
"""The clocks that a person stops; `route` belongs to the router, `confirm` to the customer."""


@dataclass(frozen=True, slots=True)
class Attach:
    """A further low score of the same customer at the same touchpoint."""

    score: CaseScore


PersonAction: TypeAlias = (
    api.Acknowledge
    | api.Contacted
    | api.Waiting
    | api.Resolve
    | api.Reopen
    | api.Reassign
    | api.Note
)
Action: TypeAlias = PersonAction | Attach


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it is: its newest event says everything but how often it was reopened.

    `started_at` is when the response that opened it was received: its clocks started there.
    `cycle` counts from 1; each reopening starts the clocks afresh in the next one.
    """

    event: CaseEvent
    started_at: datetime
    cycle: int = 1

    @property
    def id(self) -> str:
        return self.event.case_id

    @property
    def is_open(self) -> bool:
        return self.event.state in OPEN

    def deadline(self, clock: Clock) -> Deadline | None:
        """None when the case has no such clock."""
        return next((each for each in self.event.deadlines if each.clock == clock), None)

    @property
    def next_due_at(self) -> datetime | None:
        """The earliest deadline that still waits for a person; None once nothing does."""
        if not self.is_open:
            return None
        return min((each.due_at for each in self.running), default=None)

    @property
    def running(self) -> tuple[Deadline, ...]:
        """Deadlines nobody has met yet, of the clocks that a person stops."""
        return tuple(d for d in self.event.deadlines if d.clock in CLOCKS and d.met_at is None)


@dataclass(frozen=True, slots=True)
class Changed:
    """The case after the action, which clocks that stopped, and whether it starts them afresh."""

    case: Case
    type: EventType
    met: tuple[Deadline, ...] = ()
    reopened: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed; `possible` are the actions that the present state allows."""

    reason: RefusalReason
    possible: tuple[ActionName, ...]


@dataclass(frozen=True, slots=True)
class OpenCount:
    """How much waits for one team at one priority."""

    team: str
    priority: str
    open: int
    overdue: int
    oldest: datetime


def replayed(case: Case | None, type: EventType, event: CaseEvent) -> Case:
    """Apply an event that was accepted before: the events alone give the case back."""
    if case is None:
        return Case(event, event.score.received_at)
    again = type == "reopened" or (type == "attached" and event.previous in DONE)
    return Case(event, case.started_at, case.cycle + again)
