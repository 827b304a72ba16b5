"""Types of the catalog's fields: names, durations, times of day, texts, and rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from shared.rules import FUNCTIONS, Condition, Expects, Expression, InvalidRule, Rules

# Real source events outgrow the engine's default of 8 KiB, and it takes out of them only what a
# rule names: the bound is that of reading a record at all.
SOURCE_RULES = Rules(
    {
        "headers": "texts",
        "body": "dyn",
        "key": "string",
        "item": "dyn",
        "before": "dyn",
        "record.topic": "string",
        "record.place": "string",
        "record.time": "timestamp",
    },
    max_input_bytes=1024 * 1024,
    functions=FUNCTIONS,
)
PROFILE_RULES = Rules(
    {
        "profile.segment": "string",
        "profile.locale": "string",
        "profile.time_zone": "string",
        "profile.value": "double",
        "profile.rung": "string",
    }
)
LADDER_RULES = Rules(
    {
        **PROFILE_RULES.variables,
        "answers.total": "int",
        "answers.low": "int",
        "answers.mid": "int",
        "answers.high": "int",
        "answers.last": "string",
        "signals.total": "int",
    }
)
SIGNAL_RULES = Rules(
    {
        "signal.signal": "string",
        "signal.source": "string",
        "signal.customer_id": "string",
        "signal.correlation": "string",
        "signal.occurred_at": "timestamp",
        "signal.attributes": "map",
        **PROFILE_RULES.variables,
    }
)
RESPONSE_RULES = Rules(
    {
        "response.touchpoint": "string",
        "response.survey": "string",
        "response.metric": "string",
        "response.score": "int",
        "response.band": "string",
        "response.comment": "string",
        "response.language": "string",
        "response.channel": "string",
        "response.customer_id": "string",
        "response.stage": "string",
        "response.attributes": "map",
        "response.attribution.team": "string",
        "response.attribution.agent": "string",
        "response.attribution.stage": "string",
        "response.attribution.product": "string",
        "response.product": "string",
        "response.region": "string",
        "response.segment": "string",
        "response.value": "double",
        "response.root_cause": "string",
        "response.keywords": "dyn",
        "response.low_scores": "int",
    }
)

_DURATION = re.compile(r"(?P<count>\d{1,6})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Entry(BaseModel):
    """Base of everything in the catalog: frozen, and an unknown field is a finding."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        arbitrary_types_allowed=True,
        populate_by_name=True,
    )


def duration(value: object) -> timedelta:
    """Read `30s`, `15m`, `24h`, `3d`, or 0."""
    if isinstance(value, timedelta):
        return value
    if value == 0 and not isinstance(value, bool):
        return timedelta(0)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration, write 30s, 15m, 24h or 3d")
    return timedelta(**{_UNITS[match["unit"]]: int(match["count"])})


def time_of_day(value: object) -> time:
    """Read `09:00`; `24:00` is the last instant of a day."""
    if isinstance(value, time):
        return value
    if value == "24:00":
        return time.max
    match = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a time of day, write 09:00 or 20:30")
    return time(int(match[1]), int(match[2]))


_LENGTHS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def span(value: timedelta) -> str:
    """Write a duration as the catalog does, in the largest unit that fits."""
    seconds = int(value.total_seconds())
    return next(
        (f"{seconds // n}{unit}" for n, unit in _LENGTHS if seconds and not seconds % n), "0"
    )


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("a duration of 0 makes no sense here, write 30s, 15m, 24h or 3d")
    return value


def _shaped(pattern: str, what: str, how: str, example: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(f"{value!r} is not {what}, write {how}, such as {example}")
        return value

    return AfterValidator(check)


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{value!r} is not a time zone, write an IANA name such as Europe/Berlin"
        ) from None
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is not a pattern: {error}") from None
    return value


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _compiled(compile_rule: Callable[[str], Any]) -> Callable[[object], Any]:
    def check(value: object) -> Any:
        if isinstance(value, (Condition, Expression)):
            return value
        if not isinstance(value, str):
            raise ValueError(f"{value!r} is not an expression, write it as text in quotes")
        try:
            return compile_rule(value)
        except InvalidRule as error:
            raise ValueError(f"expression {value!r}, {error}") from error

    return check


def _condition(rules: Rules) -> BeforeValidator:
    return BeforeValidator(_compiled(rules.condition))


def _expression(expects: Expects, *, optional: bool = False) -> BeforeValidator:
    def compile_rule(text: str) -> Expression:
        return SOURCE_RULES.expression(text, expects, optional=optional)

    return BeforeValidator(_compiled(compile_rule))


def _texts(value: Mapping[str, str]) -> Mapping[str, str]:
    if not value:
        raise ValueError("no text at all, write at least one, such as `en: How was it?`")
    return value


Name = Annotated[
    str,
    _shaped(
        r"[a-z0-9]+(?:-[a-z0-9]+)*", "a name", "lower-case letters, digits and dashes", "first-bill"
    ),
    Field(max_length=64),
]
SignalName = Annotated[
    str,
    _shaped(
        r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", "a signal", "words with dots", "billing.invoice.issued"
    ),
    Field(max_length=128),
]
Topic = Annotated[
    str,
    _shaped(
        r"[A-Za-z0-9._-]+|\^.+",
        "a topic",
        "its name, or a pattern that begins with ^",
        "billing.events or '^shop\\.(eu|us)\\.orders'",
    ),
    AfterValidator(_pattern),
    Field(max_length=249),
]
Email = Annotated[
    str,
    _shaped(r"[^@\s<>,;]+@[^@\s<>,;]+", "a mail address", "just the address", "care@example.com"),
]
Url = Annotated[
    str, _shaped(r"https?://[^\s/]+\S*", "a web address", "all of it", "https://example.com/hooks")
]
Language = Annotated[
    str, _shaped(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", "a language", "its code", "en, zh or pt-BR")
]
Colour = Annotated[
    str, _shaped(r"#[0-9a-fA-F]{6}", "a colour", "six hex digits in quotes", "#1f4e79")
]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Texts = Annotated[dict[Language, Text], AfterValidator(_texts)]
"""One text per language; the first language is the one to fall back to."""

Duration = Annotated[timedelta, BeforeValidator(duration)]
Span = Annotated[Duration, AfterValidator(_positive)]
TimeOfDay = Annotated[time, BeforeValidator(time_of_day)]

Stage = Literal["purchase", "use", "service"]
Act = Literal["ask", "case", "notify"]
Format = Literal["cloudevents", "debezium", "json"]
Priority = Literal["high", "normal", "low"]

FromYaml = BeforeValidator(_as_tuple)
"""Makes a YAML list a tuple; it stands outermost in the annotation of every list."""

SourceCondition = Annotated[Condition, _condition(SOURCE_RULES)]
SignalCondition = Annotated[Condition, _condition(SIGNAL_RULES)]
ProfileCondition = Annotated[Condition, _condition(PROFILE_RULES)]
LadderCondition = Annotated[Condition, _condition(LADDER_RULES)]
ResponseCondition = Annotated[Condition, _condition(RESPONSE_RULES)]
TextRule = Annotated[Expression, _expression("string")]
OptionalTextRule = Annotated[Expression, _expression("string", optional=True)]
IntRule = Annotated[Expression, _expression("int")]
TimeRule = Annotated[Expression, _expression("timestamp")]
OptionalTimeRule = Annotated[Expression, _expression("timestamp", optional=True)]
ValueRule = Annotated[Expression, _expression("json", optional=True)]


def in_language(texts: Mapping[str, str], language: str | None) -> str:
    """Return the text in a language (`zh-CN` is served by `zh`), else in the first one there is."""
    wanted = language or ""
    base = wanted.partition("-")[0]
    return texts.get(wanted) or texts.get(base) or next(iter(texts.values()))
