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


class OptOut(Message):
    """A customer does not want to be asked any more.

    `touchpoint` None means about anything. `invitation_id` is the ask whose link was used.
    """

    customer_id: CustomerId
    touchpoint: Name | None = None
    invitation_id: str | None = None
    at: Moment


class Feedback(Message):
    """Something a customer told us unasked."""

    feedback_id: str
    customer_id: CustomerId
    text: str
    language: str | None = None
    channel: Name
    received_at: Moment
