"""The facts of a case, what may be done to it, and what comes of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

from shared.contracts import api
from shared.contracts.base import Band
from shared.contracts.cases import CaseEvent, CaseScore, CaseState, Clock, Deadline

ActionName = Literal[
    "acknowledge",
    "contacted",
    "waiting",
    "resolve",
    "reopen",
    "reassign",
    "note",
    "merge",
    "correct",
    "suppress",
]
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
    "resumed",
    "warned",
    "breached",
    "escalated",
    "closed",
    "merged",
    "suppressed",
    "corrected",
    "rescored",
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

UNTAKEN: tuple[CaseState, ...] = ("new", "assigned")
"""With a team, and nobody of it looks after the case yet."""

DONE: tuple[CaseState, ...] = ("resolved", "closed", "closed_unconfirmed")
"""Put right, as far as we know: a person or a further low score may open it again."""

TERMINAL: tuple[CaseState, ...] = ("merged", "suppressed", "corrected")
"""Nothing leads out of these."""

CLOCKS: tuple[Clock, ...] = ("acknowledge", "contact", "resolve")
"""The clocks that a person stops; `route` belongs to the router, `confirm` to the customer."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A further low score is more urgent than the case was `before`; its clocks run since then."""

    before: str
    priority: str
    deadlines: tuple[Deadline, ...]
    routing_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attach:
    """A further low score of the same customer at the same touchpoint, or of a merged case."""

    score: CaseScore
    reason: Literal["low_score_joined", "merged_from"] = "low_score_joined"
    raised: Raised | None = None


@dataclass(frozen=True, slots=True)
class Rescored:
    """The customer corrected a score; `others` says whether the case has further ones."""

    score: CaseScore
    others: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The customer's answer to whether it was put right."""

    response_id: str
    band: Band
    comment: str | None = None


PersonAction: TypeAlias = (
    api.Acknowledge
    | api.Contacted
    | api.Waiting
    | api.Resolve
    | api.Reopen
    | api.Reassign
    | api.Note
    | api.Merge
    | api.Correct
    | api.Suppress
)
Action: TypeAlias = PersonAction | Attach | Rescored | Answered

BODIES: Mapping[ActionName, type[PersonAction]] = {
    "acknowledge": api.Acknowledge,
    "contacted": api.Contacted,
    "waiting": api.Waiting,
    "resolve": api.Resolve,
    "reopen": api.Reopen,
    "reassign": api.Reassign,
    "note": api.Note,
    "merge": api.Merge,
    "correct": api.Correct,
    "suppress": api.Suppress,
}
NAMES: Mapping[type[PersonAction], ActionName] = {body: name for name, body in BODIES.items()}


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it is: its newest event says everything but how often it was reopened.

    `started_at` is when the response that opened it was received: its clocks started there.
    `cycle` counts from 1; each reopening starts the clocks afresh in the next one. `delivered_at`
    is when the first alert reached the team, `route_decided` whether that clock was counted.
    """

    event: CaseEvent
    started_at: datetime
    cycle: int = 1
    delivered_at: datetime | None = field(default=None, compare=False)
    route_decided: bool = field(default=False, compare=False)

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
        return min((each.due_at for each in self.running), default=None)

    @property
    def running(self) -> tuple[Deadline, ...]:
        """The clocks that a person has yet to stop; one that stands is not among them."""
        if not self.is_open:
            return ()
        return tuple(
            each
            for each in self.event.deadlines
            if each.clock in CLOCKS and each.met_at is None and each.paused_at is None
        )

    def with_deadlines(self, deadlines: tuple[Deadline, ...]) -> Case:
        """Return the same case with other clocks."""
        return replace(self, event=self.event.model_copy(update={"deadlines": deadlines}))


@dataclass(frozen=True, slots=True)
class Changed:
    """The case after the action, which clocks that stopped, and whether it starts them afresh.

    `ran_out` is the clock whose deadline has passed; `escalate` asks for others to be told at once.
    """

    case: Case
    type: EventType
    met: tuple[Deadline, ...] = ()
    reopened: bool = False
    ran_out: Deadline | None = None
    escalate: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed; `possible` are the actions that the present state allows."""

    reason: RefusalReason
    possible: tuple[ActionName, ...]


@dataclass(frozen=True, slots=True)
class OpenCount:
    """How much waits for one team at one priority; `age_buckets` has each case's place by age."""

    team: str
    priority: str
    open: int
    overdue: int
    due_soon: int
    oldest: datetime
    age_sum: float
    age_buckets: tuple[int, ...]


def replayed(case: Case | None, type: EventType, event: CaseEvent) -> Case:
    """Apply an event that was accepted before: the events alone give the case back."""
    if case is None:
        return Case(event, event.score.received_at)
    again = type == "reopened" or (type == "attached" and event.previous in DONE)
    return Case(event, case.started_at, case.cycle + again)
