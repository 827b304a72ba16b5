"""Policy: how rarely, when, and under which name customers are asked."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Any, Self
from xml.etree import ElementTree

from pydantic import AfterValidator, Field, model_validator

from shared.catalog.colours import DARK, LIGHT, READABLE, Rgb, contrast, readable, rgb, written
from shared.catalog.fields import (
    LADDER_RULES,
    Colour,
    Duration,
    Entry,
    LadderCondition,
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

    @property
    def longest(self) -> timedelta:
        """After that nothing is left of a moment."""
        records = max(self.signals, self.decisions, self.invitations, self.responses)
        return max(records, self.cases, self.alerts)


LARGEST_LOGO = 4096
SVG = "{http://www.w3.org/2000/svg}"


def _readable_on(ground: Rgb, what: str) -> AfterValidator:
    def check(colour: str) -> str:
        found = contrast(rgb(colour), ground)
        if found < READABLE:
            better = written(readable(rgb(colour), ground))
            raise ValueError(
                f'"{colour}" has a contrast of {found:.1f} to {what}, reading takes {READABLE}: '
                f'take "{better}" or another one as clear'
            )
        return colour

    return AfterValidator(check)


def _logo(text: str) -> str:
    """Refuse what is no small picture, or would fetch or run anything."""
    if len(text) > LARGEST_LOGO:
        raise ValueError(
            f"the logo has {len(text)} characters, it may have {LARGEST_LOGO}: simplify its paths"
        )
    wanted = 'write the text of an SVG picture, such as <svg xmlns="http://www.w3.org/2000/svg"…'
    if "<!" in text:
        raise ValueError(f"the logo holds a declaration or comment, {wanted}")
    try:
        root = ElementTree.fromstring(text)  # without declarations there are no entities
    except ElementTree.ParseError as error:
        raise ValueError(f"the logo is not well-formed ({error}), {wanted}") from None
    if root.tag != f"{SVG}svg" or not root.get("viewBox"):
        raise ValueError(f"the logo is no SVG picture with a viewBox, {wanted}")
    for element in root.iter():
        _harmless(element)
    return text


def _harmless(element: ElementTree.Element) -> None:
    name = element.tag.removeprefix(SVG)
    if name in ("script", "foreignObject", "image", "use", "style", "a"):
        raise ValueError(f"the logo may not hold <{name}>: keep to shapes and text")
    if handlers := [each for each in element.attrib if each.startswith("on")]:
        raise ValueError(f"the logo may not run anything: remove {handlers[0]}")


class Brand(Entry):
    """What customers see of the sender.

    `logo` is the text of an SVG picture, shown before the name; it must be clear on light and dark
    pages. `color_dark` is for dark pages; without it `color` is made lighter as far as it takes.
    """

    name: Text = "Touchback"
    color: Annotated[Colour, _readable_on(LIGHT, "light pages")] = "#1f4e79"
    color_dark: Annotated[Colour, _readable_on(DARK, "dark pages")] | None = None
    logo: Annotated[str, AfterValidator(_logo)] | None = None
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


def _rung(rule: str) -> Any:
    return Field(default_factory=lambda: LADDER_RULES.condition(rule))


class Ladder(Entry):
    """What a customer must have done to stand on a rung; the highest whose rule holds counts.

    `answers` are those of the last `within` by band, and the band of the `last` one; `signals` are
    those that touchpoints depend on and that are still kept. Without any of it: a prospect.
    """

    within: Span = timedelta(days=365)
    customer: LadderCondition = _rung("signals.total > 0 || answers.total > 0")
    satisfied: LadderCondition = _rung('answers.last == "high"')
    loyal: LadderCondition = _rung('answers.high >= 2 && answers.last == "high"')
    advocate: LadderCondition = _rung("answers.high >= 3 && answers.low == 0")


PerMinute = Annotated[int, Field(ge=1, le=10_000_000)]


class Limits(Entry):
    """How often a minute customers and programs may come: by one survey link (writing), from one
    address (pages), and with one bearer token (writing). What is over waits, and loses nothing.
    """

    link: PerMinute = 60
    address: PerMinute = 600
    token: PerMinute = 60_000


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
    limits: Limits = Limits()
    ladder: Ladder = Field(default_factory=Ladder)
