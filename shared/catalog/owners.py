"""Owners: teams, how to reach them, and the tree that finds the one for a low score."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

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
    Texts,
    TimeOfDay,
    TimeZone,
    Url,
)

ChannelKind = Literal["webhook", "email", "slack", "teams", "pagerduty", "alertmanager", "apprise"]
PEOPLE: frozenset[ChannelKind] = frozenset({"email", "slack", "teams", "apprise"})
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Needs(NamedTuple):
    """What a kind of channel needs, may have, and how to say so."""

    needs: frozenset[str]
    may: frozenset[str]
    say: str


def _needs(needs: str, may: str, say: str) -> _Needs:
    return _Needs(frozenset(needs.split()), frozenset(may.split()), say)


_CHANNELS: Mapping[ChannelKind, _Needs] = {
    "webhook": _needs(
        "url secret", "", "a webhook needs `url` and `secret` (the name of one), no `address`"
    ),
    "email": _needs(
        "address", "", "an email channel needs `address`, and neither `url` nor `secret`"
    ),
    "slack": _needs(
        "secret to", "url", "a slack channel needs `secret` (names a bot token) and `to` (C0123…)"
    ),
    "teams": _needs("secret", "", "a teams channel needs `secret` (names the workflow's URL)"),
    "pagerduty": _needs(
        "secret", "url", "a pagerduty channel needs `secret` (names a routing key)"
    ),
    "alertmanager": _needs(
        "url", "secret", "an alertmanager channel needs `url`, and may have `secret` (a token)"
    ),
    "apprise": _needs("secret", "", "an apprise channel needs `secret` (names its URL)"),
}


class Channel(Entry):
    """One way to reach a team. `secret` names a secret in TOUCHBACK_CHANNEL_SECRETS.

    `to` is a conversation in Slack. `summary` says how often it gets the team's figures.
    """

    channel: Name
    kind: ChannelKind
    url: Url | None = None
    address: Email | None = None
    secret: Name | None = None
    to: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2,}$")] | None = None
    alerts: bool = True
    summary: Literal["daily", "weekly"] | None = None

    @property
    def for_people(self) -> bool:
        """Whether people read it: they fail over, and a storm reaches them as one digest."""
        return self.kind in PEOPLE

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        kind = _CHANNELS[self.kind]
        given = {name for name in ("url", "address", "secret", "to") if getattr(self, name)}
        if not kind.needs <= given <= kind.needs | kind.may:
            raise ValueError(kind.say)
        if self.summary and not self.for_people:
            raise ValueError(f"nobody reads `summary` on a channel of kind {self.kind}: remove it")
        if not self.alerts and not self.summary:
            raise ValueError("`alerts: false` without `summary` leaves nothing to tell: remove it")
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
    """A person of a team, as cases name them; `slack` is their member id there."""

    member: Name
    name: Text
    email: Email | None = None
    slack: Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,}$")] | None = None


class RootCause(Entry):
    """Why things go wrong, as a team names it; a case is resolved with one of these."""

    cause: Name
    name: Texts


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
    """How soon a team must be told of a case, take it, contact the customer, and resolve it.

    By the team's calendar, where it has one, unless `around_the_clock`; `route` is always all time.
    A customer who has to come back is waited for during `waiting`; `quiet` after the resolution
    without a word the case is closed.
    """

    route: Span = timedelta(minutes=5)
    acknowledge: Span = timedelta(hours=1)
    contact: Span = timedelta(hours=24)
    resolve: Span = timedelta(days=5)
    waiting: Span = timedelta(days=3)
    quiet: Span = timedelta(days=7)
    around_the_clock: bool = False

    @model_validator(mode="after")
    def _grow(self) -> Self:
        if not self.acknowledge <= self.contact <= self.resolve:
            raise ValueError("targets must grow: acknowledge, then contact, then resolve")
        return self


class EscalationStep(Entry):
    """At a multiple of a target (1.0 is the target itself) another team is told.

    `repeat` tells it so many times more, each a target's length later. While nobody of it is at
    work the next step's team is told instead, unless `skip_if_empty` is false. The root of the
    routing tree is told at the end in any case.
    """

    at: Annotated[float, Field(ge=0.5, le=10)]
    team: Name
    repeat: Annotated[int, Field(ge=0, le=5)] = 0
    skip_if_empty: bool = True


class Team(Entry):
    """A team that owns cases; its channels stand in the order of failing over."""

    team: Name
    name: Text
    time_zone: TimeZone = "UTC"
    language: Literal["en", "zh"] = "en"
    calendar: Calendar | None = None
    members: Annotated[tuple[Member, ...], FromYaml] = ()
    channels: Annotated[tuple[Channel, ...], FromYaml, Field(min_length=1)]
    targets: dict[Priority, Targets] = Field(default_factory=dict)
    escalation: Annotated[tuple[EscalationStep, ...], FromYaml] = ()
    root_causes: Annotated[tuple[RootCause, ...], FromYaml] = ()

    @model_validator(mode="after")
    def _hears_of_low_scores(self) -> Self:
        if not any(channel.alerts for channel in self.channels):
            raise ValueError("no channel takes alerts: remove `alerts: false` from one")
        return self

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


class PriorityRule(Entry):
    """How urgent a low score is, whoever owns it."""

    when: ResponseCondition
    priority: Priority


class Advocacy(Entry):
    """Who hears of high scores. With `tell_owner`, so does the team that earned it."""

    team: Name
    when: ResponseCondition | None = None
    tell_owner: bool = False


class Routing(Route):
    """The root of the tree, and what holds for all of it.

    `keywords` are lists of words by name; rules ask for them as `"legal" in response.keywords`.
    `operators` is the team that hears of channels which refuse us.
    """

    keywords: dict[Name, Annotated[tuple[Text, ...], FromYaml, Field(min_length=1)]] = Field(
        default_factory=dict
    )
    priorities: Annotated[tuple[PriorityRule, ...], FromYaml] = ()
    advocacy: Advocacy | None = None
    operators: Name | None = None
