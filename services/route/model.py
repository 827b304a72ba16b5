"""What `route` reasons in: the owner of a low score, open cases, alerts and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.catalog import Channel, Team
from shared.contracts.base import Metric, Moment, Stage
from shared.contracts.cases import CaseEvent, CaseState, Deadline
from shared.contracts.responses import Response

Priority = Literal["high", "normal", "low"]
Found = Literal["rule_matched", "no_rule_matched", "rule_error"]
"""Why a team owns a case."""

Unrouted = Literal["not_low", "already_routed", "not_completed"]
"""Why a response neither opens nor joins a case."""

Kind = Literal["webhook", "email"]
Progress = Literal["due", "delivered", "exhausted"]
Failure = Literal[
    "timeout",
    "network",
    "address_refused",
    "rate_limited",
    "server_error",
    "redirected",
    "unauthorized",
    "not_found",
    "gone",
    "client_error",
    "smtp_temporary",
    "smtp_permanent",
    "no_channel",
    "no_secret",
    "unreadable",
]
"""Every way in which an attempt fails. The same word stands in row, metric label and message."""

Escalated = Literal["none_accepted"]
"""Why an alert went to the fallback team."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The owner; `path` are the rules that led there, as they read at the time."""

    team: str
    priority: Priority
    path: tuple[str, ...]
    reason: Found
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """What `route` knows of an open case; its versions belong to `close`."""

    case_id: str
    customer_id: str
    touchpoint: str
    state: CaseState
    team: str
    priority: str
    opened_at: datetime
    deadlines: tuple[Deadline, ...]
    routing_path: tuple[str, ...]


CaseKey = tuple[str, str]
"""(customer, touchpoint): at most one open case each."""

Round = tuple[str, str]
"""(case, response): the alerts of a case that tell of one low score."""


@dataclass(slots=True)
class Facts:
    """What is known while a batch is decided; it grows with each decision.

    `responses` are those completed before, with their case, None where the score was not low.
    """

    responses: dict[str, str | None]
    open_cases: dict[CaseKey, Case]


@dataclass(frozen=True, slots=True)
class Heard:
    """A response as it arrived: completed, or amended after that. `at` is when it was so."""

    response: Response
    amended: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A new case for an owner."""

    event: CaseEvent
    assigned: Assigned


@dataclass(frozen=True, slots=True)
class Attached:
    """A further low score of a customer whose case is still open; `again` when it was done."""

    event: CaseEvent
    again: bool


@dataclass(frozen=True, slots=True)
class Unaffected:
    """No case is concerned."""

    reason: Unrouted


Outcome = Opened | Attached | Unaffected


NoticeType = Literal["case.opened", "case.reopened"]


class NoticeScore(BaseModel):
    """The score in an alert; `scale` reads like `0-10`."""

    model_config = ConfigDict(frozen=True)

    metric: Metric
    score: int
    scale: str


class NoticeDeadline(BaseModel):
    """One clock of the case in an alert."""

    model_config = ConfigDict(frozen=True)

    clock: str
    due_at: Moment


class Notice(BaseModel):
    """What an alert says, and the body of the webhook: nothing in it tells who the customer is."""

    model_config = ConfigDict(frozen=True)

    type: NoticeType
    case_id: str
    version: int
    team: str
    priority: str
    touchpoint: str
    stage: Stage | None
    score: NoticeScore
    comment: str | None
    language: str | None
    deadlines: tuple[NoticeDeadline, ...]
    received_at: Moment
    console_url: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert to one channel of a team. `alert_id` is the same in every attempt.

    `response_id` is the low score it tells of. `team` is whose channel it is: an escalated alert's
    notice names another.
    """

    alert_id: str
    case_id: str
    response_id: str
    customer_id: str
    touchpoint: str
    team: str
    priority: str
    channel: str
    kind: Kind
    notice: Mapping[str, object]
    received_at: datetime
    traceparent: str | None = None
    attempt: int = 0
    fence: int = 0

    @property
    def endpoint(self) -> str:
        """Whose health and pace it shares."""
        return f"{self.team}/{self.channel}"


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery made ready for its channel."""

    delivery: Delivery
    notice: Notice
    team: Team
    channel: Channel


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receiver took it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The attempt failed; `retry_after` is what the receiver asked for."""

    failure: Failure
    retry_after: timedelta | None = None


Result = Accepted | Refused


@dataclass(frozen=True, slots=True)
class Settled:
    """An attempt that is over and not yet written down."""

    delivery: Delivery
    result: Result
    at: datetime


@dataclass(frozen=True, slots=True)
class Again:
    """Try once more after `delay`."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No further attempt: the failure is permanent, or the schedule has ended."""

    permanent: bool
