"""Which fields of sample messages belong on the customer's contact card. Pure heuristics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.listen.infer import names, times
from services.listen.infer.guesses import Guess, Sample, common
from services.listen.infer.names import fold
from services.listen.infer.paths import Path, keys, optional, rule


@dataclass(slots=True)
class Card:
    """One mapping of contact cards: its fields as CEL, and remarks for a person."""

    when: str | None
    each: str | None
    fields: dict[str, str]
    remarks: list[str] = field(default_factory=list)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_mail(value: Any) -> bool:
    return isinstance(value, str) and "@" in value


def _is_zone(value: Any) -> bool:
    if not isinstance(value, str) or "/" not in value:
        return False
    try:
        return bool(ZoneInfo(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


_TEXTS: tuple[tuple[str, Mapping[str, int], Callable[[Any], bool]], ...] = (
    ("email", names.EMAILS, _is_mail),
    ("phone", names.PHONES, _is_text),
    ("name", names.FULL_NAMES, _is_text),
    ("locale", names.LOCALES, _is_text),
    ("time_zone", names.ZONES, _is_zone),
    ("segment", names.SEGMENTS, _is_text),
)


def card(
    group: Sequence[Sample], who: Guess, at: Guess | None, *, source: str, of_people: bool = False
) -> Card | None:
    """Return a contact card, None where nothing says how to reach the customer."""
    near = _near(group, who, of_people)
    found = {name: optional(path) for name, table, fits in _TEXTS if (path := near(table, fits))}
    if not {"email", "phone"} & set(found):
        return None
    fields = {"customer": who.expression}
    if at is not None:
        fields["updated_at"] = at.expression
    if "name" not in found:
        found |= _whole_name(group, near)
    fields |= found | _zone_of_account(group)
    doubts = {"customer": who.doubt, "updated_at": at.doubt if at else ""}
    if path := near(names.VALUES, _is_amount):
        fields["value"] = optional(path)
    told, more = _consent(group, near, source)
    remarks = [f"{name}: {doubt}" for name, doubt in {**doubts, **more}.items() if doubt]
    return Card(None, None, fields | told, remarks)


Near = Callable[[Mapping[str, int], Callable[[Any], bool]], Path | None]


def _near(group: Sequence[Sample], who: Guess, of_people: bool) -> Near:
    """Return what finds a field by its names, beside the customer's id or among people."""
    beside = keys(who.path)[:-1]

    def find(table: Mapping[str, int], fits: Callable[[Any], bool]) -> Path | None:
        named = [path for path in _any(group) if fold(path[-1]) in table]
        close = [path for path in named if _is_close(path, beside, of_people, table)]
        sound = [path for path in close if all(map(fits, _values(group, path)))]
        return min(
            sound, key=lambda path: (keys(path)[:-1] != beside, table[fold(path[-1])]), default=None
        )

    return find


def _is_close(path: Path, beside: Path, of_people: bool, table: Mapping[str, int]) -> bool:
    around = keys(path)[:-1]
    if len(around) > 1 and names.person(fold(around[-1])):
        return True
    # An order has a name and a language of its own; beside an id only people are called so.
    own = fold(path[-1]) in ("name", "nom", "nombre", "tier", "segment")
    return around == beside and (of_people or not own)


def _any(group: Sequence[Sample]) -> list[Path]:
    return list(dict.fromkeys(path for each in group for path in each.scalars))


def _values(group: Sequence[Sample], path: Path) -> list[Any]:
    return [each.scalars[path] for each in group if path in each.scalars]


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole_name(group: Sequence[Sample], near: Near) -> dict[str, str]:
    first, last = near(names.FIRST_NAMES, _is_text), near(names.LAST_NAMES, _is_text)
    if first is None or last is None:
        return {}
    both = f'{rule(first)} + " " + {rule(last)}'
    return {"name": both} if {first, last} <= set(common(group)) else {"name": optional(first)}


def _zone_of_account(group: Sequence[Sample]) -> dict[str, str]:
    """Return the time zone of whom the customer belongs to."""
    for path in _any(group):
        names_account = fold(path[-1]) == "accounttimezone" or (
            len(keys(path)) > 2
            and fold(keys(path)[-2]) in ("account", "organization", "company", "firma", "konto")
            and fold(path[-1]) in names.ZONES
        )
        if names_account and all(map(_is_zone, _values(group, path))):
            return {"account_zone": optional(path)}
    return {}


def _consent(
    group: Sequence[Sample], near: Near, source: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Return whether, where and when consent was given, and what is doubtful about that."""
    path = near(names.CONSENTS, lambda value: isinstance(value, bool))
    if path is None or path not in common(group):
        return {}, {}
    told = {
        "consent": f'{rule(path)} == true ? "granted" : "refused"',
        "consent_source": f'"{source}"',
    }
    doubts = {"consent": "check that it covers surveys"}
    when = near(names.CONSENTED, _is_text)
    reading = times.reading(_values(group, when)) if when in common(group) and when else None
    if reading and when:
        told["consent_at"] = reading.template.format(rule(when))
        doubts["consent_at"] = reading.doubt
    return told, doubts
