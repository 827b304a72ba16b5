"""What `route` reasons in: the owner of a low score, open cases, alerts and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.catalog import Channel, ChannelKind, Team
from shared.contracts.base import Metric, Moment, Stage
from shared.contracts.cases import CaseEvent, CasePolicy, CaseState, Deadline
from shared.contracts.responses import Response

Priority = Literal["high", "normal", "low"]
Found = Literal["rule_matched", "no_rule_matched", "rule_error"]
"""Why a team owns a case."""

Unrouted = Literal["not_low", "already_routed", "not_completed", "recovery_answer", "unlinked"]
"""Why a response neither opens nor joins a case."""

Kind = ChannelKind
Progress = Literal["due", "delivered", "exhausted", "spared", "gathered", "silenced"]
"""`spared` are not needed any more; `gathered` wait in a digest; `silenced` for a silence's end."""

Health = Literal["working", "broken", "disabled"]
Failure = Literal[
    "timeout",
    "network",
    "address_refused",
    "rate_limited",
    "server_error",
    "answer_lost",
    "redirected",
    "unauthorized",
    "not_found",
    "gone",
    "client_error",
    "smtp_temporary",
    "smtp_permanent",
    "no_channel",
    "no_secret",
    "not_installed",
    "unreadable",
]
"""Every way in which an attempt fails. The same word stands in row, metric label and message."""

Queued = Literal["none_accepted", "failed_over", "gathered", "silenced"]
"""Why an alert was queued other than at once to the first channels of the owning team."""


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
    policy: CasePolicy | None = None


CaseKey = tuple[str, str]
"""(customer, touchpoint): at most one open case each."""

Occasion = tuple[str, str, str]
"""(case, response, round): the alerts of a case that tell of one thing."""


@dataclass(slots=True)
class Facts:
    """What is known while a batch is decided; it grows with each decision.

    `responses` are those completed before, with their case, None where the score was not low.
    `low_scores` says how many each customer gave lately.
    """

    responses: dict[str, str | None]
    open_cases: dict[CaseKey, Case]
    low_scores: dict[str, int] = field(default_factory=dict)


Source = Literal["response", "signal", "feedback"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A response as it arrived: completed, or amended after that.

    A signal that opens a case, and what a customer tells unasked, are heard as one of that source.
    """

    response: Response
    amended: bool = False
    source: Source = "response"


@dataclass(frozen=True, slots=True)
class Opened:
    """A new case for an owner."""

    event: CaseEvent
    assigned: Assigned


@dataclass(frozen=True, slots=True)
class Attached:
    """A further low score of a customer whose case is still open; `again` when it was done.

    `assigned` is what the rules make of it: the case keeps its owner, and is at least so urgent.
    """

    event: CaseEvent
    again: bool
    assigned: Assigned


@dataclass(frozen=True, slots=True)
class Unaffected:
    """No case is concerned."""

    reason: Unrouted


Outcome = Opened | Attached | Unaffected


NoticeType = Literal[
    "case.opened",
    "case.reopened",
    "case.reassigned",
    "case.raised",
    "case.warned",
    "case.escalated",
    "case.changed",
    "score.high",
    "score.low",
    "signal.noticed",
    "feedback.received",
    "alerts.digest",
    "team.summary",
    "channel.failing",
    "channel.test",
]


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


class NoticeItem(BaseModel):
    """One alert of a digest."""

    model_config = ConfigDict(frozen=True)

    case_id: str | None
    priority: str
    score: NoticeScore | None
    comment: str | None
    contact_by: Moment | None
    console_url: str


class NoticeFigure(BaseModel):
    """One figure of a summary: `name` is a word of ours, `text` is for people."""

    model_config = ConfigDict(frozen=True)

    name: str
    text: str


class Notice(BaseModel):
    """What an alert says, and the body of the webhook: nothing in it tells who the customer is.

    `about` is the response, decision or feedback where there is no case. `raised_from` is how
    urgent a case was before a further low score made it more so. `because` are the rules that led
    to the team. `subject` and `text` are the catalog's own words about the moment.
    """

    model_config = ConfigDict(frozen=True)

    type: NoticeType
    case_id: str | None = None
    version: int = 1
    team: str
    priority: str = "normal"
    raised_from: str | None = None
    touchpoint: str | None = None
    stage: Stage | None = None
    score: NoticeScore | None = None
    comment: str | None = None
    reasons: tuple[str, ...] = ()
    effort: int | None = None
    contact_wanted: bool = False
    language: str | None = None
    deadlines: tuple[NoticeDeadline, ...] = ()
    received_at: Moment
    console_url: str
    state: CaseState | None = None
    assignee: str | None = None
    reason: str | None = None
    about: str | None = None
    subject: str | None = None
    text: str | None = None
    correlation: str | None = None
    product: str | None = None
    agent: str | None = None
    because: str | None = None
    items: tuple[NoticeItem, ...] = ()
    total: int | None = None
    figures: tuple[NoticeFigure, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert to one channel of a team. `alert_id` is the same in every attempt.

    `response_id` is the low score it tells of. `team` is whose channel it is: an escalated alert's
    notice names another. `rank` is its place in the order of failing over. If it is `owed`, the
    fallback team is told when nobody accepts it. `receipt` is what the receiver calls the message
    that is to be changed. `health` is that of the endpoint, which refused us as `refused_target`.
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
    rank: int = 0
    round: str = ""
    owed: bool = True
    receipt: Mapping[str, str] | None = None
    health: Health = "working"
    refused_target: str | None = None

    @property
    def endpoint(self) -> str:
        """Whose health and pace it shares."""
        return f"{self.team}/{self.channel}"

    @property
    def occasion(self) -> Occasion:
        """What the alerts to all channels of the team have in common."""
        return (self.case_id, self.response_id, self.round)


@dataclass(frozen=True, slots=True)
class Tidings:
    """Alerts about what opens no case; `error` is why a rule on the way to their team failed."""

    alerts: Sequence[Delivery] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery made ready for its channel."""

    delivery: Delivery
    notice: Notice
    team: Team
    channel: Channel


@dataclass(frozen=True, slots=True)
class Owed:
    """An alert as it is written down: `due` then, `gathered` in a digest, or `silenced`."""

    delivery: Delivery
    next_at: datetime
    state: Progress = "due"
    digest_id: str | None = None
    silence_id: str | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of what it matches until it ends. None matches everything."""

    silence_id: str
    team: str | None
    touchpoint: str | None
    channel: str | None
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What else alerts depend on when they are written down.

    `lately` says how many there were by (endpoint, touchpoint) in the last minutes; `digests` are
    those still open, `digested_at` when the last one was begun.
    """

    health: Mapping[str, Health] = field(default_factory=dict)
    silences: Sequence[Silence] = ()
    lately: Mapping[tuple[str, str], int] = field(default_factory=dict)
    digests: Mapping[tuple[str, str], str] = field(default_factory=dict)
    digested_at: Mapping[tuple[str, str], datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseNow:
    """How a case stands, for those who were told how it stood."""

    case_id: str
    version: int
    state: CaseState
    assignee: str | None
    reason: str | None
    deadlines: tuple[Deadline, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receiver took it; `receipt` is what it calls the message, where that can be changed."""

    receipt: Mapping[str, str] | None = None


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
