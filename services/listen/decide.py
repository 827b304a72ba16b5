"""What a source event means: the catalog's mappings, applied. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from services.listen.formats import read
from services.listen.model import Mapped, Outcome, Skipped, SourceEvent, Unused
from shared.catalog.fields import SOURCE_RULES
from shared.catalog.sources import ProfileMapping, ResponseMapping, SignalMapping, Source
from shared.contracts.base import Message
from shared.contracts.envelope import describe
from shared.contracts.signals import Answer, Profile, Signal
from shared.errors import UnreadableMessage
from shared.records import Record
from shared.rules import Condition, Expression, Inputs, RuleFailed

Body = TypeVar("Body", bound=Message)
_NO_KEY = re.compile(r'Key not found in map : "?(?P<key>[^"]*)"?')
_NO_ZONE = "String to Timestamp conversion failed"
_IN_CATALOG = {"source_event_id": "id", "answer_id": "id", "customer_id": "customer"}
_CARD = ("email", "phone", "name", "locale", "time_zone", "segment", "consent")


def understand(record: Record, source: Source, used: frozenset[str]) -> tuple[Outcome, ...]:
    """Say what each event of a record means to a source.

    Raises UnreadableMessage with one line when any of them cannot be read or mapped.
    """
    try:
        event = read(record, source.format)
        return (decide(event, source, used) if isinstance(event, SourceEvent) else event,)
    except UnreadableMessage as error:
        raise UnreadableMessage(f"source {source.source}: {error}") from error


def decide(event: SourceEvent, source: Source, used: frozenset[str]) -> Outcome:
    """Apply every mapping of a source: all that match count.

    A signal outside `used` is found but not worked out. Raises UnreadableMessage with one line
    when any mapping cannot be evaluated, so that a record counts as a whole or not at all.
    """
    try:
        inputs = SOURCE_RULES.bind(
            {"headers": event.headers, "body": event.body, "key": event.key}, size=event.size
        )
    except RuleFailed as error:
        raise UnreadableMessage(_readable(error)) from error
    found = (
        *_signals(event, source, used, inputs),
        *_profiles(event, source, inputs),
        *_answers(event, source, inputs),
    )
    return Mapped(found) if found else Skipped("no_mapping")


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One mapping at work: evaluates its rules and says which one failed."""

    name: str
    inputs: Inputs

    def matches(self, when: Condition | None) -> bool:
        try:
            return when is None or when.holds(self.inputs)
        except RuleFailed as error:
            raise self._fault("when", _readable(error)) from error

    def value(self, field: str, rule: Expression | None) -> Any:
        if rule is None:
            return None
        try:
            value = rule.value(self.inputs)
        except RuleFailed as error:
            raise self._fault(field, _readable(error)) from error
        if not _travels(value):
            raise self._fault(field, "gave a number that cannot travel in a message")
        return value

    def text(self, field: str, rule: Expression) -> str:
        value = self.value(field, rule)
        if not value.strip():
            raise self._fault(field, "is empty")
        return str(value)

    def time(self, field: str, rule: Expression | None, otherwise: datetime | None) -> datetime:
        found: datetime | None = otherwise if rule is None else self.value(field, rule)
        if found is None:
            raise self._fault(field, "the record carries no time of its own, map one")
        return found

    def attributes(self, rules: Mapping[str, Expression]) -> dict[str, Any]:
        return {name: self.value(f"attributes.{name}", rule) for name, rule in rules.items()}

    def make(self, kind: type[Body], fields: Mapping[str, Any]) -> Body:
        try:
            return kind.model_validate(fields)
        except ValidationError as error:
            field, _, message = describe(error).partition(": ")
            raise self._fault(_IN_CATALOG.get(field, field), message) from error

    def _fault(self, field: str, message: str) -> UnreadableMessage:
        return UnreadableMessage(f"mapping {self.name}: {field}: {message}")


def _readable(error: RuleFailed) -> str:
    """Say in one line what a rule ran into, in words of the catalog rather than of the engine."""
    reason = " ".join(error.reason.split())
    if missing := _NO_KEY.search(reason):
        return f"no such key: {missing['key']}"
    if _NO_ZONE in reason:
        return "not a time with a zone, such as 2026-01-31T09:30:00Z"
    return reason[:300]


def _travels(value: Any) -> bool:
    """Say whether no number inside is infinite or not a number: JSON has neither."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_travels, value.values()))
    return all(map(_travels, value)) if isinstance(value, list) else True


def _signals(
    event: SourceEvent, source: Source, used: frozenset[str], inputs: Inputs
) -> Iterator[Signal | Unused]:
    for entry in source.signals:
        mapping = _Mapping(entry.signal, inputs)
        if mapping.matches(entry.when):
            wanted = entry.signal in used
            yield _signal(source, entry, mapping) if wanted else Unused(entry.signal)


def _signal(source: Source, entry: SignalMapping, mapping: _Mapping) -> Signal:
    fields = {
        "signal": entry.signal,
        "source": source.source,
        "source_event_id": mapping.text("id", entry.id),
        "customer_id": mapping.text("customer", entry.customer),
        "occurred_at": mapping.value("occurred_at", entry.occurred_at),
        "correlation": mapping.value("correlation", entry.correlation),
        "attributes": mapping.attributes(entry.attributes),
    }
    return mapping.make(Signal, fields)


def _profiles(event: SourceEvent, source: Source, inputs: Inputs) -> Iterator[Profile]:
    for position, entry in enumerate(source.profiles, start=1):
        mapping = _Mapping(f"profile {position}", inputs)
        if mapping.matches(entry.when):
            yield _profile(event, source, entry, mapping)


def _profile(
    event: SourceEvent, source: Source, entry: ProfileMapping, mapping: _Mapping
) -> Profile:
    fields = {
        "customer_id": mapping.text("customer", entry.customer),
        "source": source.source,
        "updated_at": mapping.time("updated_at", entry.updated_at, event.at),
        **{name: mapping.value(name, getattr(entry, name)) for name in _CARD},
    }
    return mapping.make(Profile, fields)


def _answers(event: SourceEvent, source: Source, inputs: Inputs) -> Iterator[Answer]:
    for position, entry in enumerate(source.responses, start=1):
        mapping = _Mapping(f"response {position}", inputs)
        if mapping.matches(entry.when):
            yield _answer(event, source, entry, mapping)


def _answer(
    event: SourceEvent, source: Source, entry: ResponseMapping, mapping: _Mapping
) -> Answer:
    fields = {
        "answer_id": mapping.text("id", entry.id),
        "source": source.source,
        "touchpoint": mapping.text("touchpoint", entry.touchpoint),
        "customer_id": mapping.text("customer", entry.customer),
        "score": mapping.value("score", entry.score),
        "comment": mapping.value("comment", entry.comment),
        "language": mapping.value("language", entry.language),
        "answered_at": mapping.time("answered_at", entry.answered_at, event.at),
        "correlation": mapping.value("correlation", entry.correlation),
        "attributes": mapping.attributes(entry.attributes),
    }
    return mapping.make(Answer, fields)
