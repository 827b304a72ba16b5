"""What a source event means: the catalog's mappings, applied. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from services.listen.formats import event, headers, opened
from services.listen.formats.content import Content
from services.listen.model import Mapped, Outcome, Skipped, SourceEvent, Unused
from shared.catalog.fields import SOURCE_RULES
from shared.catalog.sources import (
    AnyMapping,
    Kind,
    ProfileMapping,
    ResponseMapping,
    SignalMapping,
    Source,
)
from shared.contracts.base import Message
from shared.contracts.envelope import describe, stable_id
from shared.contracts.signals import Answer, Profile, Signal
from shared.errors import UnreadableMessage
from shared.plain_json import Glance
from shared.records import Record
from shared.rules import Condition, Expression, Inputs, RuleFailed

Body = TypeVar("Body", bound=Message)
_IN_CATALOG = {"source_event_id": "id", "answer_id": "id", "customer_id": "customer"}
_NO_MAPPING = Skipped("no_mapping")
_CARD = (
    *("email", "phone", "name", "locale", "time_zone", "account_zone", "segment", "value"),
    *("consent", "consent_source", "consent_at"),
)


def understand(record: Record, source: Source, used: frozenset[str]) -> tuple[Outcome, ...]:
    """Say what each event of a record means to a source.

    Raises UnreadableMessage with one line when any of them cannot be read or mapped, so that a
    record counts as a whole or not at all.
    """
    if closed := _closed(record, source, used):
        return (closed,)
    if source.glance and _glanced(record, source.glance, source):
        return (_NO_MAPPING,)
    try:
        contents = opened(record, source.format, deletions=source.deletions)
    except UnreadableMessage as error:
        raise UnreadableMessage(f"source {source.source}: {error}") from error
    return tuple(
        each
        if isinstance(each, Skipped)
        else _outcome(record, each, nth, len(contents), source, used)
        for nth, each in enumerate(contents, start=1)
    )


def _glanced(record: Record, glance: Glance, source: Source) -> bool:
    """Say whether a few fields tell that no mapping wants a record that can be read."""
    seen = glance(record.value) if record.value else None
    if seen is None:
        return False
    return source.surely_none({"headers": headers(record), "body": seen})


def _outcome(
    record: Record, content: Content, nth: int, among: int, source: Source, used: frozenset[str]
) -> Outcome:
    """Most records are about nothing that anybody maps: a look at a few texts tells."""
    if source.surely_none({"headers": content.headers, "body": content.body}):
        return _NO_MAPPING
    return decide(event(record, content, nth, among), source, used)


def decide(event: SourceEvent, source: Source, used: frozenset[str]) -> Outcome:
    """Apply every mapping of a source: all that match count.

    A signal outside `used` is found but not worked out.
    """
    found = tuple(each for mapping in _mappings(event, source) for each in _found(mapping, used))
    return Mapped(found) if found else _NO_MAPPING


def _closed(record: Record, source: Source, used: frozenset[str]) -> Outcome | None:
    """Return what becomes of a record whose headers say already that its body is not needed."""
    if record.value is None or not source.by_headers or source.format == "debezium":
        return None
    known = headers(record)
    if source.format == "cloudevents" and "ce_specversion" not in known:
        return None
    if source.surely_none({"headers": known}):
        return _NO_MAPPING
    unused: list[Unused] = []
    for mapping in _mappings(event(record, Content(known, None)), source):
        if mapping.matches():
            if not isinstance(mapping.entry, SignalMapping) or mapping.entry.signal in used:
                return None
            unused.append(Unused(mapping.entry.signal))
    return Mapped(tuple(unused)) if unused else _NO_MAPPING


@dataclass(frozen=True, slots=True)
class _Mapping:
    """One mapping at work: evaluates its rules and says where in the catalog one failed."""

    source: Source
    kind: Kind
    position: int
    entry: AnyMapping
    event: SourceEvent
    inputs: Inputs

    def matches(self) -> bool:
        when: Condition | None = self.entry.when
        try:
            return when is None or when.holds(self.inputs)
        except RuleFailed as error:
            raise self._failed("when", error) from error

    def each(self) -> Iterator[_Mapping]:
        """Yield the mapping for each item of its list, itself when it has none."""
        if self.entry.each is None:
            yield self
            return
        items = self.value("each", self.entry.each)
        if not isinstance(items, list | None):
            raise self.fault("each", "gave no list, many(...) makes one")
        for item in items or ():
            yield replace(self, inputs=_bound(self.event, self.source, _facts(self.event, item)))

    def value(self, field: str, rule: Expression | None) -> Any:
        if rule is None:
            return None
        try:
            value = rule.value(self.inputs)
        except RuleFailed as error:
            raise self._failed(field, error) from error
        if not _travels(value):
            raise self.fault(field, "gave a number that cannot travel in a message")
        return value

    def text(self, field: str, rule: Expression) -> str:
        value = self.value(field, rule)
        if not value.strip():
            raise self.fault(field, "is empty")
        return str(value)

    def time(self, field: str, rule: Expression | None) -> datetime:
        found: datetime | None = self.event.at if rule is None else self.value(field, rule)
        if found is None:
            raise self.fault(field, "the record carries no time of its own, map one")
        return found

    def attributes(self, rules: Mapping[str, Expression]) -> dict[str, Any]:
        return {name: self.value(f"attributes.{name}", rule) for name, rule in rules.items()}

    def make(self, kind: type[Body], fields: Mapping[str, Any]) -> Body:
        try:
            return kind.model_validate(fields)
        except ValidationError as error:
            field, _, message = describe(error).partition(": ")
            raise self.fault(_IN_CATALOG.get(field, field), message) from error

    def fault(self, field: str, message: str) -> UnreadableMessage:
        return UnreadableMessage(f"{self._where(field)}: {field}: {message}")

    def _failed(self, field: str, error: RuleFailed) -> UnreadableMessage:
        if error.located:
            return UnreadableMessage(f"{self._where(field)}: {error.reason}")
        return self.fault(field, error.reason)

    def _where(self, field: str) -> str:
        line = self.source.line(self.kind, self.position, field)
        if line is not None:
            place = f"line {line}"
        elif isinstance(self.entry, SignalMapping):
            place = f"signal {self.entry.signal}"
        else:
            place = f"{self.kind} {self.position + 1}"
        among = f", event {self.event.nth} of {self.event.among}" if self.event.among > 1 else ""
        return f"source {self.source.source}, {place}{among}"


def _facts(event: SourceEvent, item: Any = None) -> dict[str, Any]:
    return {
        "headers": event.headers,
        "body": event.body,
        "key": event.key,
        "item": item,
        "before": event.before,
        "record": {"topic": event.topic, "place": event.place, "time": event.at},
    }


def _bound(event: SourceEvent, source: Source, facts: Mapping[str, Any]) -> Inputs:
    try:
        return SOURCE_RULES.bind(facts, size=event.size, travelled=True)
    except RuleFailed as error:
        raise UnreadableMessage(f"source {source.source}: {error.reason}") from error


def _mappings(event: SourceEvent, source: Source) -> Iterator[_Mapping]:
    facts = _facts(event)
    inputs = _bound(event, source, facts)
    for kind, position, entry in source.mappings:
        if entry.when is None or not entry.when.surely_not(facts):
            yield _Mapping(source, kind, position, entry, event, inputs)


def _travels(value: Any) -> bool:
    """Say whether no number inside is infinite or not a number: JSON has neither."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_travels, value.values()))
    return all(map(_travels, value)) if isinstance(value, list) else True


def _found(mapping: _Mapping, used: frozenset[str]) -> Iterator[Signal | Unused | Profile | Answer]:
    entry = mapping.entry
    if isinstance(entry, SignalMapping) and entry.signal not in used:
        # Of a list that nobody waits for, not even the items are looked at.
        if entry.each is None and mapping.matches():
            yield Unused(entry.signal)
        return
    for one in mapping.each():
        if one.matches():
            yield _made(one)


def _made(mapping: _Mapping) -> Signal | Profile | Answer:
    match mapping.entry:
        case SignalMapping() as entry:
            return _signal(entry, mapping)
        case ProfileMapping() as entry:
            return _profile(entry, mapping)
        case ResponseMapping() as entry:
            return _answer(entry, mapping)


def _signal(entry: SignalMapping, mapping: _Mapping) -> Signal:
    fields = {
        "signal": entry.signal,
        "source": mapping.source.source,
        "source_event_id": mapping.text("id", entry.id),
        "customer_id": mapping.text("customer", entry.customer),
        "occurred_at": mapping.time("occurred_at", entry.occurred_at),
        "correlation": mapping.value("correlation", entry.correlation),
        "attributes": mapping.attributes(entry.attributes),
    }
    return mapping.make(Signal, fields)


def _profile(entry: ProfileMapping, mapping: _Mapping) -> Profile:
    fields = {
        "customer_id": mapping.text("customer", entry.customer),
        "source": mapping.source.source,
        "updated_at": mapping.time("updated_at", entry.updated_at),
        **{name: mapping.value(name, getattr(entry, name)) for name in _CARD},
    }
    return mapping.make(Profile, fields)


def _whose(entry: ResponseMapping, mapping: _Mapping) -> str:
    """Return the customer, else a stand-in that keeps answers about one thing in order."""
    if entry.customer is not None:
        return mapping.text("customer", entry.customer)
    about = mapping.value("correlation", entry.correlation) or mapping.text("id", entry.id)
    return stable_id("nobody", mapping.source.source, about)


def _answer(entry: ResponseMapping, mapping: _Mapping) -> Answer:
    fields = {
        "answer_id": mapping.text("id", entry.id),
        "source": mapping.source.source,
        "touchpoint": mapping.text("touchpoint", entry.touchpoint),
        "customer_id": _whose(entry, mapping),
        "customer_known": entry.customer is not None,
        "invitation_id": mapping.value("invitation", entry.invitation),
        "score": mapping.value("score", entry.score),
        "comment": mapping.value("comment", entry.comment),
        "language": mapping.value("language", entry.language),
        "answered_at": mapping.time("answered_at", entry.answered_at),
        "correlation": mapping.value("correlation", entry.correlation),
        "attributes": mapping.attributes(entry.attributes),
    }
    return mapping.make(Answer, fields)
