"""Sources: how events of other systems become signals, contact cards and answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from shared.catalog.fields import (
    Entry,
    Format,
    FromYaml,
    IntRule,
    Name,
    OptionalTextRule,
    SignalName,
    SourceCondition,
    Span,
    TextRule,
    TimeRule,
    Topic,
    ValueRule,
)
from shared.catalog.webhooks import Webhook

Attributes = dict[str, ValueRule]


class SignalMapping(Entry):
    """One kind of source event and the signal it becomes; `id` deduplicates within the source."""

    signal: SignalName
    when: SourceCondition | None = None
    id: TextRule
    customer: TextRule
    occurred_at: TimeRule
    correlation: OptionalTextRule | None = None
    attributes: Attributes = Field(default_factory=dict)


class ProfileMapping(Entry):
    """A source event that updates the contact card; a rule that gives null leaves a field as is.

    Without `updated_at` the record's own time on the topic counts.
    """

    when: SourceCondition | None = None
    customer: TextRule
    updated_at: TimeRule | None = None
    email: OptionalTextRule | None = None
    phone: OptionalTextRule | None = None
    name: OptionalTextRule | None = None
    locale: OptionalTextRule | None = None
    time_zone: OptionalTextRule | None = None
    segment: OptionalTextRule | None = None
    consent: OptionalTextRule | None = None


class ResponseMapping(Entry):
    """An answer that another survey tool put on the topic.

    Without `answered_at` the record's own time on the topic counts.
    """

    when: SourceCondition | None = None
    id: TextRule
    touchpoint: TextRule
    customer: TextRule
    score: IntRule
    comment: OptionalTextRule | None = None
    language: OptionalTextRule | None = None
    answered_at: TimeRule | None = None
    correlation: OptionalTextRule | None = None
    attributes: Attributes = Field(default_factory=dict)


class PauseAbove(Entry):
    """The share of refused records above which a source waits; sources on one topic wait together.

    It is taken over what came `within` that time, once there are `at_least` so many records.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 20
    within: Span = timedelta(minutes=5)


class Source(Entry):
    """One system, the topic it publishes on, and what its events mean."""

    source: Name
    topic: Topic
    format: Format
    webhook: Webhook | None = None
    pause: PauseAbove = PauseAbove()
    signals: Annotated[tuple[SignalMapping, ...], FromYaml] = ()
    profiles: Annotated[tuple[ProfileMapping, ...], FromYaml] = ()
    responses: Annotated[tuple[ResponseMapping, ...], FromYaml] = ()
