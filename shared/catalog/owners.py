"""Owners: teams, how to reach them, and the tree that finds the one for a low score."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.business_time import known_holidays
from shared.catalog.fields import (
    Email,
    Entry,
    FromYaml,
    Name,
    Priority,
    ResponseCondition,
    Span,
    Text,
    TimeOfDay,
    TimeZone,
    Url,
)

ChannelKind = Literal["webhook", "email"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Channel(Entry):
    """One way to reach a team. `secret` names a secret in TOUCHBACK_CHANNEL_SECRETS."""

    channel: Name
    kind: ChannelKind
    url: Url | None = None
    address: Email | None = None
    secret: Name | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind == "webhook" and not (self.url and self.secret) or self.address and self.url:
            raise ValueError("a webhook needs `url` and `secret` (the name of one), no `address`")
        if self.kind == "email" and (not self.address or self.url or self.secret):
            raise ValueError("an email channel needs `address`, and neither `url` nor `secret`")
        return self


def _known_holidays(code: str) -> str:
    if not known_holidays(code):
        raise ValueError(
            f"no holidays are known for {code!r}, write a country such as DE or CN, or US-CA"
        )
    return code


Holidays = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}(?:-[A-Z0-9]{1,3})?$"),
    AfterValidator(_known_holidays),
]


class Member(Entry):
    """A person of a team, as cases name them."""

    member: Name
    name: Text
    email: Email | None = None


class OpenHours(Entry):
    """A span of a working day, end exclusive."""

    start: TimeOfDay
    end: TimeOfDay

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end <= self.start:
            raise ValueError("`end` must be later than `start` on the same day")
        return self


class Calendar(Entry):
    """When a team works, in its own time zone; `holidays` is a country code."""

    hours: dict[Weekday, Annotated[tuple[OpenHours, ...], FromYaml]] = Field(min_length=1)
    holidays: Holidays | None = None

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if not any(self.hours.values()):
            raise ValueError("no open hours at all: give at least one day a span")
        for day, spans in self.hours.items():
            ordered = sorted(spans, key=lambda span: span.start)
            for one, next_ in pairwise(ordered):
                if next_.start < one.end:
                    raise ValueError(f"spans of {day} lie over each other: make them one")
        return self


class Targets(Entry):
    """How soon a case must be acknowledged, its customer contacted, and the matter resolved."""

    acknowledge: Span = timedelta(hours=1)
    contact: Span = timedelta(hours=24)
    resolve: Span = timedelta(days=5)

    @model_validator(mode="after")
    def _grow(self) -> Self:
        if not self.acknowledge <= self.contact <= self.resolve:
            raise ValueError("targets must grow: acknowledge, then contact, then resolve")
        return self


class EscalationStep(Entry):
    """At a multiple of a target (1.0 is the target itself) another team is told."""

    at: Annotated[float, Field(ge=0.5, le=10)]
    team: Name


class Team(Entry):
    """A team that owns cases; its channels stand in the order of failing over."""

    team: Name
    name: Text
    time_zone: TimeZone = "UTC"
    calendar: Calendar | None = None
    members: Annotated[tuple[Member, ...], FromYaml] = ()
    channels: Annotated[tuple[Channel, ...], FromYaml, Field(min_length=1)]
    targets: dict[Priority, Targets] = Field(default_factory=dict)
    escalation: Annotated[tuple[EscalationStep, ...], FromYaml] = ()

    def target(self, priority: Priority) -> Targets:
        """Return the targets of a priority, else those of `normal`, else the general ones."""
        return self.targets.get(priority) or self.targets.get("normal") or Targets()


class Route(Entry):
    """A branch of the routing tree: what it leaves out it inherits from the one above."""

    when: ResponseCondition | None = None
    team: Name | None = None
    priority: Priority | None = None
    continue_: bool = Field(default=False, alias="continue")
    routes: Annotated[tuple[Route, ...], FromYaml] = ()
