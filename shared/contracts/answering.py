"""Bodies of the interface by which answers come from programs: apps, kiosks, other tools."""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from shared.contracts.api import Body
from shared.contracts.base import Band, Moment

LONGEST_COMMENT = 2000
LONGEST_SPAN = 400
"""Days that can be looked back."""

_KEEPABLE = r"^[^\x00]*$"
"""PostgreSQL keeps every character but U+0000."""

Subject = Annotated[str, Field(min_length=1, max_length=128, pattern=_KEEPABLE)]
Customer = Annotated[str, Field(min_length=1, max_length=256, pattern=_KEEPABLE)]
Correlation = Annotated[str, Field(min_length=1, max_length=256, pattern=_KEEPABLE)]
Comment = Annotated[str, Field(max_length=LONGEST_COMMENT, pattern=_KEEPABLE)]
Language = Annotated[str, Field(max_length=35, pattern=_KEEPABLE)]
AttributeName = Annotated[str, Field(pattern=_KEEPABLE)]


class Said(Body):
    """What both kinds have: strict, because a program can be told what is wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    customer_id: Customer | None = Field(
        default=None,
        description="Who said it. Without it the customer of the invitation about `correlation` "
        "counts; where there is none, it is kept as anonymous, and the answer says so.",
    )
    correlation: Correlation | None = Field(
        default=None, description="The order, ticket or invoice it is about."
    )
    language: Language | None = None

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        if not all(_keepable(value) for value in self.__dict__.values()):
            raise ValueError(
                "no text may hold the character U+0000, and every number must be finite"
            )
        return self


class NewResponse(Said):
    """An answer; `score` is on the scale of the touchpoint's survey."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"touchpoint": "first-bill", "score": 4, "correlation": "invoice-17"}]
        }
    )
    touchpoint: Subject
    score: int
    comment: Comment | None = None
    invitation_id: Subject | None = Field(
        default=None,
        description="The invitation that it answers. Without it, the only open one of the customer "
        "at this touchpoint about the same `correlation` counts.",
    )
    attributes: dict[AttributeName, JsonValue] = Field(default_factory=dict)


class NewFeedback(Said):
    """Something said unasked; `score` is how they feel about it, from 1 to 5 where 5 is best."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The lift is broken.", "score": 2}]}
    )
    text: Annotated[Comment, Field(min_length=1)]
    score: int = Field(ge=1, le=5)
    urgent: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text.strip():
            raise ValueError("text is blank: give at least one word")
        return self


class KeptResponse(Body):
    """What became of an answer. `anonymous` says that nobody is known to have given it."""

    response_id: str
    band: Band
    anonymous: bool


class KeptFeedback(Body):
    """What became of what was said. `anonymous` says that nobody is known to have said it."""

    feedback_id: str
    band: Band
    anonymous: bool


class Silence(Body):
    """What became of the moments and asks of one touchpoint.

    `eligible` moments could have been asked about, `asked` were. `delivered` were accepted by the
    channel; of them `answered` said something, `silent` let the time pass, and `waiting` still may
    answer. `opened` were looked at by a person, as far as scripts or an answer show it; `started`
    of these gave no score, `unfinished` gave one and nothing more as yet.
    """

    touchpoint: str
    eligible: int = 0
    asked: int
    delivered: int
    failed: int
    cancelled: int
    opened: int = 0
    started: int = 0
    answered: int
    unfinished: int
    silent: int
    waiting: int


class Silences(Body):
    """All touchpoints that asked about something that happened since then."""

    since: Moment
    touchpoints: tuple[Silence, ...]


def _keepable(value: object) -> bool:
    match value:
        case str():
            return "\x00" not in value
        case float():
            return isfinite(value)
        case dict():
            return all(_keepable(key) and _keepable(each) for key, each in value.items())
        case list():
            return all(_keepable(each) for each in value)
    return True
