"""Policy: how rarely, when, and under which name customers are asked."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.catalog.fields import (
    Colour,
    Duration,
    Entry,
    Name,
    Span,
    Text,
    TimeOfDay,
    TimeZone,
    Url,
)


class Caps(Entry):
    """The least time between two contacts with one customer."""

    floor: Span = timedelta(hours=24)
    person: Span = timedelta(days=30)
    answered: Span = timedelta(days=90)

    @model_validator(mode="after")
    def _floor_is_the_least(self) -> Self:
        if self.floor > self.person:
            raise ValueError("`floor` is the hard minimum: it cannot be longer than `person`")
        return self


class SendWindow(Entry):
    """When customers may be written to, in their own local time; end exclusive, at most 24:00."""

    start: TimeOfDay = time(9)
    end: TimeOfDay = time(20)

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end <= self.start:
            raise ValueError("`end` must be later than `start` on the same day")
        return self


class Retention(Entry):
    """How long rows are kept."""

    signals: Span = timedelta(days=90)
    decisions: Span = timedelta(days=400)
    invitations: Span = timedelta(days=400)
    responses: Span = timedelta(days=1095)
    cases: Span = timedelta(days=1095)
    alerts: Span = timedelta(days=400)


class Brand(Entry):
    """What customers see of the sender."""

    name: Text = "Touchback"
    color: Colour = "#1f4e79"
    support_url: Url | None = None


class Outlet(Entry):
    """Where a channel leads, and how much it takes.

    `url` is a system that sends, called with a webhook signed by the secret of that name.
    """

    url: Url | None = None
    secret: Name | None = None
    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.url and not self.secret:
            raise ValueError("`url` without `secret`: name a secret of TOUCHBACK_CHANNEL_SECRETS")
        return self


class Channels(Entry):
    """The channels that customers are asked over; mail and the topic need nothing more."""

    email: Outlet = Outlet()
    sms: Outlet = Outlet()
    webhook: Outlet = Outlet()
    kafka: Outlet = Outlet()

    def outlet(self, name: str) -> Outlet:
        """Return the outlet of a channel."""
        return getattr(self, name, None) or Outlet()


class Policy(Entry):
    """What holds for all touchpoints; everything has a careful default.

    `hold_window` is how long an ask waits for others that may go before it; 0 is not at all.
    `holdout` is the share of customers never asked; `salt` keeps sampling stable under replay.
    """

    caps: Caps = Caps()
    send_window: SendWindow = SendWindow()
    hold_window: Duration = timedelta(minutes=15)
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    salt: Text = "touchback"
    time_zone: TimeZone = "UTC"
    retention: Retention = Retention()
    brand: Brand = Brand()
    channels: Channels = Channels()
