"""What customers said."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from shared.contracts.base import (
    Attributes,
    Attribution,
    Band,
    CustomerId,
    Message,
    Metric,
    Moment,
    Name,
    Stage,
)

ResponseOrigin = Literal["page", "topic", "api", "import"]


class Response(Message):
    """One answer to one survey; the same body for each of its events, the newest state whole.

    `received_at` is when the first score was durable: all clocks of a case start there. `band` is
    the quality of the experience whatever the scale's direction. `score` is None only on `started`.
    `answers` may hold `parts` (the scores of an experience by name), `reasons` (names from the
    survey), `effort` (1 to 5, 5 is the most), `contact_wanted` (true), and `withdrawn` (true): the
    customer took back all words, and whoever keeps them must forget them. `anonymous` says that
    nobody is known to have given it: `customer_id` was made for this answer alone. `unlinked` says
    that the survey promised so: nothing leads to whoever gave it, `received_at` and `at` are the
    beginning of its day, and it opens no case.
    """

    response_id: str
    touchpoint: Name
    survey: Name
    metric: Metric
    customer_id: CustomerId
    score: int | None = None
    band: Band | None = None
    answers: dict[str, JsonValue] = Field(default_factory=dict)
    comment: str | None = None
    language: str | None = None
    channel: Name
    origin: ResponseOrigin = "page"
    received_at: Moment
    at: Moment
    stage: Stage | None = None
    invitation_id: str | None = None
    correlation: str | None = None
    attribution: Attribution = Attribution()
    attributes: Attributes = Field(default_factory=dict)
    anonymous: bool = False
    unlinked: bool = False


class OptOut(Message):
    """A customer does not want to be asked any more.

    `touchpoint` None means about anything. `invitation_id` is the ask whose link was used.
    """

    customer_id: CustomerId
    touchpoint: Name | None = None
    invitation_id: str | None = None
    at: Moment


class OptOutLifted(Message):
    """A customer takes a wish of before back; `touchpoint` None is that about anything."""

    customer_id: CustomerId
    touchpoint: Name | None = None
    at: Moment


class Feedback(Message):
    """Something a customer told us unasked.

    `score` is how they feel about it, on the scale of csat, and `band` its quality: a low one, or
    an `urgent` one, is worth a case, like a low answer; `text` is its comment. `customer_id` is
    known from a signed link or a bearer token when `verified`; else it is what they typed, or, when
    `anonymous`, an id made for this message alone. `touchpoint` is the one they were asked about
    when they told us; None where nobody had asked.
    """

    feedback_id: str
    customer_id: CustomerId
    text: str
    language: str | None = None
    channel: Name
    received_at: Moment
    metric: Metric | None = None
    score: int | None = None
    band: Band | None = None
    urgent: bool = False
    anonymous: bool = False
    verified: bool = False
    origin: ResponseOrigin = "page"
    touchpoint: Name | None = None
    correlation: str | None = None
    attribution: Attribution = Attribution()
