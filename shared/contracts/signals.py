"""What `listen` makes of source events: signals, answers of other tools, contact cards."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from shared.contracts.base import Attributes, CustomerId, Message, Moment, Name

OWN = "touchback."
"""What the names of our own signals begin with: no source says anything else under it."""

DELIVERY = OWN + "delivery."
"""Before the outcome in the name of a signal by which a provider reports about an ask."""

DeliveryOutcome = Literal["delivered", "soft_bounce", "hard_bounce", "complaint"]
DELIVERY_OUTCOMES: tuple[DeliveryOutcome, ...] = get_args(DeliveryOutcome)
DELIVERY_REPORTS = frozenset(DELIVERY + each for each in DELIVERY_OUTCOMES)


class Signal(Message):
    """A source event after mapping.

    `occurred_at` is the source's own time, not the time of arrival. `source_event_id` is unique
    within `source`. `correlation` is the order, ticket or invoice the event is about.
    """

    signal: Name
    source: Name
    source_event_id: str = Field(min_length=1, max_length=512)
    customer_id: CustomerId
    occurred_at: Moment
    correlation: str | None = None
    attributes: Attributes = Field(default_factory=dict)


class Answer(Message):
    """An answer given elsewhere: an external survey tool, IVR or chat.

    `score` is on the scale of the touchpoint's survey; `collect` checks it against that. Where the
    source names an order or a ticket only, `customer_known` is false, `customer_id` stands for
    nobody, and `collect` looks for the customer by `correlation`. `invitation_id` is the ask that
    it answers; without it, the only open one of the customer at the touchpoint about the same
    `correlation`.
    """

    answer_id: str = Field(min_length=1, max_length=512)
    source: Name
    touchpoint: Name
    customer_id: CustomerId
    score: int
    comment: str | None = None
    language: str | None = None
    answered_at: Moment
    correlation: str | None = None
    attributes: Attributes = Field(default_factory=dict)
    customer_known: bool = True
    invitation_id: str | None = None


Consent = Literal["granted", "refused", "unknown"]


class Profile(Message):
    """A contact card update: a field that is None leaves what is known as it is.

    `email`, `phone` and `name` are encrypted with the keys of TOUCHBACK_PII_KEYS (shared/pii.py);
    only `ask` reads them. `value` is what the customer is worth in a year, in whatever currency the
    business counts. `consent_source` and `consent_at` say where and when consent was given or
    refused; without them, the source and time of the update. After a week the topic keeps only the
    last update of a customer: whoever wants whole cards reads along, or asks `ask`.
    """

    customer_id: CustomerId
    source: Name
    updated_at: Moment
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    segment: str | None = None
    consent: Consent | None = None
    account_zone: str | None = None
    value: float | None = Field(default=None, allow_inf_nan=False)
    consent_source: Name | None = None
    consent_at: Moment | None = None


class CustomerErased(Message):
    """A customer's identity and words are to be removed everywhere; anonymous scores may stay."""

    customer_id: CustomerId
    at: Moment
