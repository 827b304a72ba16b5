"""What all messages have in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
)

CustomerId = Annotated[str, Field(min_length=1, max_length=256)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Attributes = dict[str, JsonValue]

Metric = Literal["nps", "csat", "ces", "ces2", "experience"]
Band = Literal["low", "mid", "high"]
Stage = Literal["purchase", "use", "service"]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range in UTC") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class Message(BaseModel):
    """Base of all message bodies: frozen; unknown fields of newer releases are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Attribution(Message):
    """Who and what the touchpoint belonged to, copied at event time and never rewritten."""

    team: str | None = None
    agent: str | None = None
    stage: Stage | None = None
    product: str | None = None
