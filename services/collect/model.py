"""The facts `collect` reasons in: invitations, answers, and what may happen to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NewType

from shared.contracts.base import Attribution, Band, Metric
from shared.contracts.cases import CaseState
from shared.contracts.responses import ResponseOrigin

InvitationId = NewType("InvitationId", str)
ResponseId = NewType("ResponseId", str)

Stopped = Literal["everything", "touchpoint"]
"""What is not asked any more."""

Wanted = tuple[Literal["invitation", "correlation", "customer"], str]
"""How asks are looked for: by their id, by what they are about, or those of whom, about nothing."""

InvitationState = Literal["scheduled", "sent", "reminded", "cancelled", "failed", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An ask as `ask` last described it, at the moment `at`.

    `answered` says that its link was used for an answer that nothing leads to.
    """

    invitation_id: InvitationId
    state: InvitationState
    touchpoint: str
    survey: str
    customer_id: str
    channel: str
    language: str | None
    occurred_at: datetime
    expires_at: datetime
    at: datetime
    correlation: str | None = None
    attribution: Attribution = Attribution()
    attributes: dict[str, Any] = field(default_factory=dict)
    answered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer. `revision` rises with each change; `completed_at` is set once it is final.

    `answers` has what was said beside score and comment: `parts`, `reasons`, `effort`. `draft`
    numbers the saves that a page made by itself. `anonymous` says that nobody is known to have
    given it: `customer_id` was made for this answer alone. `unlinked` says that the survey promised
    so; all its times are the beginning of its day.
    """

    response_id: ResponseId
    invitation_id: InvitationId | None
    touchpoint: str
    survey: str
    metric: Metric
    customer_id: str
    score: int
    band: Band
    comment: str | None = None
    contact_wanted: bool = False
    answers: dict[str, Any] = field(default_factory=dict)
    language: str | None
    channel: str
    origin: ResponseOrigin
    received_at: datetime
    changed_at: datetime
    completed_at: datetime | None = None
    revision: int = 1
    draft: int = 0
    correlation: str | None = None
    attribution: Attribution = Attribution()
    attributes: dict[str, Any] = field(default_factory=dict)
    anonymous: bool = False
    unlinked: bool = False


@dataclass(frozen=True, slots=True)
class Rating:
    """What was chosen on the scale; an experience has three parts and is as good as its worst."""

    score: int
    parts: dict[str, int] = field(default_factory=dict)

    @property
    def all(self) -> tuple[int, ...]:
        """Every score chosen."""
        return tuple(self.parts.values()) or (self.score,)


@dataclass(frozen=True, slots=True)
class More:
    """What was said on the second page."""

    comment: str | None = None
    contact_wanted: bool = False
    reasons: tuple[str, ...] = ()
    effort: int | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """Who has the case of a low score, and until when they get in touch."""

    case_id: str
    team: str
    state: CaseState
    contact_by: datetime | None
    contacted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Something said unasked; `invitation` is the ask by whose link it came, if it has a name.

    `vouched` says that a program with a token named the customer.
    """

    feedback_id: str
    text: str
    score: int
    urgent: bool
    language: str | None
    received_at: datetime
    customer_id: str | None = None
    invitation: Invitation | None = None
    origin: ResponseOrigin = "page"
    vouched: bool = False
    correlation: str | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nobody has answered yet, and it is not too late."""


@dataclass(frozen=True, slots=True)
class Changeable:
    """There is an answer, and who gave it may still change it until then."""

    response: Response
    until: datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing can be answered or changed any more, and why."""

    reason: Literal["already_answered", "answered_unlinked", "expired", "cancelled"]


Standing = Fresh | Changeable | Closed

Happening = Literal["received", "amended", "completed"]


@dataclass(frozen=True, slots=True)
class Change:
    """An answer in its new state, and what is said about it.

    `final_at` is when it becomes final if nothing else comes; None when it is final already.
    """

    response: Response
    happenings: tuple[Happening, ...]
    final_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Who gave an answer; `attribution` is that of the same touchpoint's ask, if any.

    `invitation_id` is the ask that it answers, where that is certain, `correlation` what that was
    about, and `attributes` what was known then.
    """

    customer_id: str
    attribution: Attribution | None = None
    invitation_id: InvitationId | None = None
    correlation: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An answer that was given elsewhere, whole at once.

    `customer_id` is None where only an order or a ticket was named, in `correlation`, or an ask.
    """

    response_id: ResponseId
    touchpoint: str
    customer_id: str | None
    score: int
    channel: str
    origin: ResponseOrigin
    comment: str | None = None
    language: str | None = None
    correlation: str | None = None
    invitation_id: InvitationId | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
