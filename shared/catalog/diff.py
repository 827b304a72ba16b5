"""What differs between two catalogs, entry by entry, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from shared.catalog.catalog import Catalog
from shared.catalog.fields import span
from shared.catalog.owners import Team
from shared.catalog.sources import Source
from shared.catalog.touchpoints import Survey, Touchpoint
from shared.rules import Condition, Expression

Kind = Literal["touchpoint", "survey", "source", "team", "routing", "policy"]
Flat: TypeAlias = dict[str, Any]

_SAID: Mapping[str, str] = {
    "on": "when it begins",
    "act": "what it does",
    "delay": "how long it waits after the event",
    "cancel_on": "what takes the reason away",
    "sample": "the share of moments that it asks about",
    "cap": "the least time between two asks about it",
    "useful_for": "how long after the event an ask makes sense",
    "priority": "its priority among asks that come due together",
    "channels": "the channels, in their order",
    "answer_within": "how long an answer is taken",
    "reminder": "the reminder",
    "owner": "who owns its answers",
    "stage": "its stage",
    "survey": "what is asked",
    "caps.person": "the least time between two asks of one customer",
    "caps.floor": "the hard minimum between two asks",
    "caps.answered": "the rest after an answer about the relationship",
    "hold_window": "how long an ask waits for others that may go before it",
    "holdout": "the share of customers never asked",
    "salt": "the salt: other customers and moments are drawn",
    "send_window.start": "when the send window opens",
    "send_window.end": "when the send window closes",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; `field` is None where an entry was added or removed whole."""

    kind: Kind
    name: str
    change: Literal["added", "removed", "changed"]
    field: str | None = None
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        what = f"{self.kind} {self.name}".rstrip()
        if self.field is None:
            return f"{what}: {self.change}"
        meant = _meaning(self.field)
        said = f"`{self.field}`, {meant}," if meant else f"`{self.field}`"
        return f"{what}: {said} is {_shown(self.new)}, was {_shown(self.old)}"


def differences(old: Catalog, new: Catalog) -> list[Difference]:
    """Return all of them, touchpoints first; none where both mean the same."""
    return [
        *_entries("touchpoint", old.touchpoints, new.touchpoints, _touchpoint),
        *_fields("policy", "", flat(old.policy), flat(new.policy)),
        *_entries("survey", old.surveys, new.surveys, _survey),
        *_entries("source", old.sources, new.sources, _source),
        *_entries("team", old.teams, new.teams, _team),
        *_fields("routing", "", flat(old.routing), flat(new.routing)),
    ]


def flat(entry: BaseModel) -> Flat:
    """Return an entry as field paths and values as they stand in YAML."""
    found: Flat = {}
    for name in type(entry).model_fields:
        value = _plain(getattr(entry, name))
        if isinstance(value, dict):
            found.update({f"{name}.{field}": each for field, each in value.items()})
        else:
            found[name] = value
    return found


def _entries(
    kind: Kind, old: Sequence[Any], new: Sequence[Any], name: Callable[[Any], str]
) -> Iterator[Difference]:
    before, after = ({name(each): each for each in entries} for entries in (old, new))
    for each in sorted({*before, *after}):
        if each not in before:
            yield Difference(kind, each, "added")
        elif each not in after:
            yield Difference(kind, each, "removed")
        else:
            yield from _fields(kind, each, flat(before[each]), flat(after[each]))


def _fields(kind: Kind, name: str, old: Flat, new: Flat) -> Iterator[Difference]:
    for field in dict.fromkeys([*old, *new]):
        before, after = old.get(field), new.get(field)
        if before != after:
            yield Difference(kind, name, "changed", field, before, after)


def _plain(value: Any) -> Any:
    match value:
        case timedelta():
            return span(value)
        case time():
            return "24:00" if value == time.max else f"{value:%H:%M}"
        case Condition() | Expression():
            return value.text
        case BaseModel():
            fields = {name: _plain(getattr(value, name)) for name in type(value).model_fields}
            return {name: each for name, each in fields.items() if each is not None}
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value


def _meaning(field: str) -> str | None:
    return _SAID.get(field) or _SAID.get(field.partition(".")[0])


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _touchpoint(entry: Touchpoint) -> str:
    return entry.touchpoint


def _survey(entry: Survey) -> str:
    return entry.survey


def _source(entry: Source) -> str:
    return entry.source


def _team(entry: Team) -> str:
    return entry.team
