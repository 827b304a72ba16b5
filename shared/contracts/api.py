"""Bodies of the HTTP interfaces between services."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.contracts.base import Moment, Name


class Body(BaseModel):
    """Base of request bodies: an unknown field is a mistake and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*")
    @classmethod
    def _keepable(cls, value: object) -> object:
        if isinstance(value, str) and "\x00" in value:
            raise ValueError("holds the character U+0000, which nothing can keep: leave it out")
        return value


class CaseAction(Body):
    """What every action on a case carries: who acts, and the version of the case they saw."""

    actor: Name
    version: int = Field(ge=1)
    note: str | None = Field(default=None, max_length=2000)


class Acknowledge(CaseAction):
    """A person takes the case."""


class Contacted(CaseAction):
    """The customer was reached, or it was tried."""

    how: Name
    outcome: str = Field(min_length=1, max_length=2000)


class Resolve(CaseAction):
    """The case was put right: root cause, what was done, and what came of it."""

    root_cause: Name
    action: str = Field(min_length=1, max_length=2000)
    outcome: str = Field(min_length=1, max_length=2000)


class Reopen(CaseAction):
    """The case was not put right after all."""

    reason: str = Field(min_length=1, max_length=2000)


class Waiting(CaseAction):
    """The customer was contacted and has to come back to us, at the latest `until` then."""

    until: Moment | None = None


class Reassign(CaseAction):
    """Another team or person gets the case, for a reason; with neither it is handed back."""

    team: Name | None = None
    assignee: Name | None = None
    reason: str | None = Field(default=None, min_length=1, max_length=2000)

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if (self.team or self.assignee) and not self.reason:
            raise ValueError("say in `reason` why another team or person gets the case")
        return self


class Merge(CaseAction):
    """Another case of the same customer is about the same: work goes on there."""

    into: str = Field(min_length=1, max_length=128)


class Correct(CaseAction):
    """The score was a mistake: there is nothing to put right."""

    reason: str = Field(min_length=1, max_length=2000)


class Suppress(CaseAction):
    """The case is not worked on, such as one of a known outage that everybody knows of."""

    reason: str = Field(min_length=1, max_length=2000)


class Fixed(Body):
    """A root cause was put right for good on a day; `touchpoint` says where it shows."""

    actor: Name
    on: date
    touchpoint: Name
    team: Name | None = None
    note: str | None = Field(default=None, max_length=2000)


class Note(CaseAction):
    """Something worth knowing about the case; its state stays."""

    note: str = Field(min_length=1, max_length=2000)


class Silencing(Body):
    """Alerts of a team, about a touchpoint or over a channel wait until `ends_at`."""

    team: Name | None = None
    touchpoint: Name | None = None
    channel: Name | None = None
    author: Name
    comment: str = Field(min_length=1, max_length=2000)
    starts_at: Moment | None = None
    ends_at: Moment

    @model_validator(mode="after")
    def _says_what_it_silences(self) -> Self:
        if not (self.team or self.touchpoint or self.channel):
            raise ValueError("say what to silence: a team, a touchpoint or a channel")
        return self


class Problem(BaseModel):
    """An error as RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
