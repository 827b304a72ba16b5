"""Sources: how events of other systems become signals, contact cards and answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from shared.catalog.fields import (
    Entry,
    Format,
    FromYaml,
    IntRule,
    Name,
    OptionalTextRule,
    OptionalTimeRule,
    SignalName,
    SourceCondition,
    Span,
    TextRule,
    TimeRule,
    Topic,
    ValueRule,
)
from shared.catalog.webhooks import Webhook
from shared.plain_json import Glance
from shared.rules import Condition

Attributes = dict[str, ValueRule]
_INSIDE = frozenset({"body", "before", "item", "record"})


class SignalMapping(Entry):
    """One kind of source event and the signal it becomes; `id` deduplicates within the source.

    With `each`, a list, there is one for each `item` of it that `when` holds for. Without
    `occurred_at` the time of the event's envelope counts, else the record's own on the topic.
    """

    signal: SignalName
    each: ValueRule | None = None
    when: SourceCondition | None = None
    id: TextRule
    customer: TextRule
    occurred_at: TimeRule | None = None
    correlation: OptionalTextRule | None = None
    attributes: Attributes = Field(default_factory=dict)


class ProfileMapping(Entry):
    """A source event that updates the contact card; a rule that gives null leaves a field as is.

    Without `updated_at` the time of the event's envelope counts, else that of the record.
    `account_zone` is the time zone of whom the customer belongs to; `consent_source` and
    `consent_at` say where and when consent was given or refused.
    """

    each: ValueRule | None = None
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
    consent_source: OptionalTextRule | None = None
    consent_at: OptionalTimeRule | None = None
    account_zone: OptionalTextRule | None = None
    value: ValueRule | None = None


class ResponseMapping(Entry):
    """An answer that another survey tool put on the topic.

    Without `answered_at` the time of the event's envelope counts, else that of the record. Without
    `customer`, that of the ask with the id `invitation` or about the same `correlation` counts,
    else nobody. Without `invitation` it answers the only open ask about the same.
    """

    each: ValueRule | None = None
    when: SourceCondition | None = None
    id: TextRule
    touchpoint: TextRule
    customer: TextRule | None = None
    score: IntRule
    comment: OptionalTextRule | None = None
    language: OptionalTextRule | None = None
    answered_at: TimeRule | None = None
    correlation: OptionalTextRule | None = None
    invitation: OptionalTextRule | None = None
    attributes: Attributes = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.customer is None and self.correlation is None and self.invitation is None:
            raise ValueError("names nobody: map `customer`, or at least a `correlation`")
        return self


AnyMapping = SignalMapping | ProfileMapping | ResponseMapping
Kind = Literal["signals", "profiles", "responses"]


class PauseAbove(Entry):
    """The share of refused records above which a source waits; sources on one topic wait together.

    It is taken over what came `within` that time, once there are `at_least` so many records.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 20
    within: Span = timedelta(minutes=5)


class Source(Entry):
    """One system, the topic it publishes on, and what its events mean.

    A topic that begins with ^ is a pattern, which must fit the whole name. With `deletions`,
    Debezium's deletions are mapped too: `body` is then the row as it was.
    """

    source: Name
    topic: Topic
    format: Format
    webhook: Webhook | None = None
    pause: PauseAbove = PauseAbove()
    deletions: bool = False
    signals: Annotated[tuple[SignalMapping, ...], FromYaml] = ()
    profiles: Annotated[tuple[ProfileMapping, ...], FromYaml] = ()
    responses: Annotated[tuple[ResponseMapping, ...], FromYaml] = ()
    _line: Callable[[str, int, str], int] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _posts_to_one_topic(self) -> Self:
        if self.webhook and self.pattern:
            raise ValueError("what a webhook posts goes to one topic: write its name")
        return self

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """What the names of its topics look like, None when it has one topic."""
        return re.compile(self.topic) if self.topic.startswith("^") else None

    def publishes_on(self, topic: str) -> bool:
        """Whether this is a topic of the source."""
        pattern = self.pattern
        return topic == self.topic if pattern is None else pattern.fullmatch(topic) is not None

    @cached_property
    def by_headers(self) -> bool:
        """Whether headers and key alone tell what a record is about, its body still closed."""
        conditions = (entry.when for _, _, entry in self.mappings)
        return all(when and not when.words & _INSIDE for when in conditions)

    @cached_property
    def mappings(self) -> tuple[tuple[Kind, int, AnyMapping], ...]:
        """Every mapping, with its kind and its place among those of its kind."""
        return (
            *(("signals", position, each) for position, each in enumerate(self.signals)),
            *(("profiles", position, each) for position, each in enumerate(self.profiles)),
            *(("responses", position, each) for position, each in enumerate(self.responses)),
        )

    def surely_none(self, facts: Mapping[str, Any]) -> bool:
        """Whether a look at inputs that came as JSON says that no mapping matches."""
        for when in self._conditions:  # noqa: SIM110  (asked of every record: all() takes twice as long)
            if when is None or not when.surely_not(facts):
                return False
        return True

    @cached_property
    def glance(self) -> Glance | None:
        """Takes out of a plain body all that `surely_none` looks at; None where that is blind."""
        looks = [when.glance if when else None for when in self._conditions]
        if self.format != "json" or not all(looks):
            return None
        paths = [path for look in looks for path in look or ()]
        return Glance({path[1] for path in paths if path[0] == "body" and len(path) > 1})

    @cached_property
    def _conditions(self) -> tuple[Condition | None, ...]:
        return tuple(entry.when for _, _, entry in self.mappings)

    def located(self, line: Callable[[str, int, str], int]) -> None:
        """Learn where in the catalog a field of a mapping stands: (kind, position, field)."""
        self._line = line

    def line(self, kind: str, position: int, field: str) -> int | None:
        """Return the line of a field, None for a source that was read from no file."""
        return self._line(kind, position, field) if self._line else None
