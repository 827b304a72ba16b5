"""Touchpoints: the moments that may be worth a question, and the surveys that ask it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from shared.catalog.fields import (
    Act,
    Duration,
    Entry,
    FromYaml,
    Language,
    Name,
    ProfileCondition,
    SignalCondition,
    SignalName,
    Span,
    Stage,
    Texts,
    TimeZone,
    Url,
    in_language,
)
from shared.catalog.scales import EXPERIENCE_PARTS, SCALES, Metric, Scale


class EventTrigger(Entry):
    """One signal is enough."""

    signal: SignalName
    when: SignalCondition | None = None


class CountTrigger(Entry):
    """The same signal several times within a span."""

    count: SignalName
    at_least: Annotated[int, Field(ge=2, le=1000)]
    within: Span
    by: Literal["customer", "correlation"] = "customer"
    when: SignalCondition | None = None


class AbsenceTrigger(Entry):
    """None of the awaited signals came within a span after another one.

    `response` among the awaited ones stands for any answer of the customer. The others must carry
    the same correlation, or with `by: customer` merely be about the same customer.
    """

    absence: Annotated[tuple[SignalName, ...], FromYaml, Field(min_length=1)]
    after: SignalName
    within: Span
    by: Literal["customer", "correlation"] = "correlation"
    when: SignalCondition | None = None


class RhythmTrigger(Entry):
    """Every so often, for the customers of a segment: the relationship rather than a moment."""

    every: Span
    segment: ProfileCondition | None = None


class RecoveryTrigger(Entry):
    """A case was resolved: does the customer agree? Exempt from caps, and asked per resolution.

    `when` sees the case as a signal: attributes `touchpoint`, `team`, `priority`, `root_cause`,
    `case_id` and `version`, and what the first moment carried.
    """

    case: Literal["resolved"]
    when: SignalCondition | None = None


def _kind(trigger: Any) -> str:
    kinds = {
        "count": "CountTrigger",
        "absence": "AbsenceTrigger",
        "every": "RhythmTrigger",
        "case": "RecoveryTrigger",
    }
    if not isinstance(trigger, dict):
        return type(trigger).__name__ if isinstance(trigger, Entry) else "EventTrigger"
    return next((name for field, name in kinds.items() if field in trigger), "EventTrigger")


Trigger = Annotated[
    Annotated[EventTrigger, Tag("EventTrigger")]
    | Annotated[CountTrigger, Tag("CountTrigger")]
    | Annotated[AbsenceTrigger, Tag("AbsenceTrigger")]
    | Annotated[RhythmTrigger, Tag("RhythmTrigger")]
    | Annotated[RecoveryTrigger, Tag("RecoveryTrigger")],
    Discriminator(_kind),
]


class Reminder(Entry):
    """One friendly second mail for an unanswered ask."""

    after: Span


class Notice(Entry):
    """What a customer or a team is told ahead of a complaint."""

    to: Literal["customer", "team"] = "team"
    subject: Texts
    text: Texts


def _answer_within(fields: dict[str, Any]) -> timedelta:
    return timedelta(days=30 if isinstance(fields.get("on"), RhythmTrigger) else 14)


class Touchpoint(Entry):
    """A moment, and what to do about it. `stage` is None where it concerns all stages.

    `cap` is the least time between two asks of one customer about this touchpoint.
    """

    touchpoint: Name
    stage: Stage | None = None
    on: Trigger
    act: Act = "ask"
    delay: Duration = timedelta(0)
    cancel_on: Annotated[tuple[SignalName, ...], FromYaml] = ()
    survey: Name | None = None
    channels: Annotated[
        tuple[Literal["email", "sms", "webhook", "kafka"], ...], FromYaml, Field(min_length=1)
    ] = ("email",)
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    cap: Span | None = None
    notice: Notice | None = None
    useful_for: Span = timedelta(hours=72)
    answer_within: Span = Field(default_factory=_answer_within)
    reminder: Reminder | None = None
    owner: Name | None = None
    time_zone: TimeZone | None = None

    @property
    def relationship(self) -> bool:
        """Whether it asks about the relationship rather than about a moment."""
        return isinstance(self.on, RhythmTrigger)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.act == "ask" and self.survey is None:
            raise ValueError("asks without a survey: add `survey: NAME`, or `act: case`")
        if self.act != "ask" and self.survey is not None:
            raise ValueError(f"`act: {self.act}` sends no survey: remove `survey` or `act`")
        self._says_something()
        if self.delay >= self.useful_for:
            raise ValueError(
                "`delay` is as long as `useful_for`, so every ask would be stale: "
                "shorten `delay` or lengthen `useful_for`"
            )
        if self.reminder and self.reminder.after >= self.answer_within:
            raise ValueError(
                "the reminder comes when answering is over: "
                "shorten `reminder.after` or lengthen `answer_within`"
            )
        return self

    def _says_something(self) -> None:
        if self.act == "notify" and self.notice is None:
            raise ValueError(
                "notifies without words: add `notice: {to: team, subject: …, text: …}`, "
                "or `act: case`"
            )
        if self.act != "notify" and self.notice is not None:
            raise ValueError(f"`act: {self.act}` sends no notice: remove `notice` or `act: notify`")


class BandTexts(Entry):
    """A text for each quality of the experience."""

    low: Texts
    mid: Texts
    high: Texts


class ExperienceParts(Entry):
    """The three questions of an `experience` survey."""

    needs: Texts
    ease: Texts
    enjoyment: Texts


class Reason(Entry):
    """Something that the follow-up offers to choose; `reason` is its name in the answer."""

    reason: Name
    label: Texts


Reasons = Annotated[tuple[Reason, ...], FromYaml, Field(max_length=8)]


class BandReasons(Entry):
    """What may be chosen for each quality of the experience; nothing where nothing is listed."""

    low: Reasons = ()
    mid: Reasons = ()
    high: Reasons = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for band in (self.low, self.mid, self.high):
            names = [each.reason for each in band]
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f'reason "{twice[0]}" is given twice for one band, rename one')
        return self


class Advocacy(Entry):
    """Where a content customer may say so in public; offered after the score, never before."""

    label: Texts
    url: Url


class Survey(Entry):
    """One question on one scale, a follow-up and thanks by band, in every language alike.

    `ask_effort` adds to the follow-up how much effort it took, in words. `anonymous` promises that
    nothing leads from an answer to whoever gave it.
    """

    survey: Name
    metric: Metric
    question: Texts
    parts: ExperienceParts | None = None
    low_label: Texts
    high_label: Texts
    follow_up: BandTexts
    thanks: BandTexts
    reasons: BandReasons = BandReasons()
    ask_effort: bool = False
    anonymous: bool = False
    advocacy: Advocacy | None = None

    @property
    def scale(self) -> Scale:
        """The scale its answers are on; the labels name its ends `minimum` and `maximum`."""
        return SCALES[self.metric]

    @property
    def languages(self) -> tuple[Language, ...]:
        """All languages it speaks, the one to fall back to first."""
        return tuple(self.question)

    def language(self, wanted: str | None) -> Language:
        """Return the language to use for someone who wants `wanted` (`zh-CN` is served by `zh`)."""
        return in_language({name: name for name in self.question}, wanted)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if (self.metric == "experience") != (self.parts is not None):
            raise ValueError(
                f"`parts` ({', '.join(EXPERIENCE_PARTS)}) belong to metric experience, "
                "and to no other: add or remove them"
            )
        if self.ask_effort and self.metric in ("ces", "ces2"):
            raise ValueError(f"metric {self.metric} asks about effort already: remove `ask_effort`")
        return self
