"""Which field of sample messages is the kind, the id, the customer, the time. Pure heuristics."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from services.listen.infer import names, times
from services.listen.infer.names import fold
from services.listen.infer.paths import FIRST, JSON, Path, keys, optional, rule, scalars
from shared.catalog.fields import Format

KIND_HEADERS = re.compile(r"(^ce_type$|(^|[-_.])(topic|event|event[-_]type|type|op)$)")
_EVENT_LIKE = re.compile(r"[\w.:/ -]{1,120}")
_DOUBTED = "an {} may not be the customer, check it"
_LONGEST = 128


@dataclass(frozen=True)
class Sample:
    """One message as rules see it, or one `item` of a list in it."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]
    root: str = "body"

    @cached_property
    def scalars(self) -> dict[Path, Any]:
        """Its values by their place."""
        return dict(scalars(self.body, (self.root,)))


@dataclass(frozen=True, slots=True)
class Guess:
    """An expression, what a person should look at, and the text that was there before.

    One that is `weak` gives way to whatever else is found.
    """

    expression: str
    doubt: str = ""
    raw: str = ""
    path: Path = ()
    weak: bool = False


def kind(samples: Sequence[Sample]) -> tuple[str, Callable[[Sample], str]] | None:
    """Return the expression that says what a message is about, and its value in a sample."""
    for name in sorted(set.intersection(*(set(each.headers) for each in samples))):
        if KIND_HEADERS.search(name.lower()) and name.lower() != "content-type":
            return rule(("headers", name)), _header(name)
    found = [
        path
        for path in common(samples)
        if _names_kind(path) and all(_is_word(each.scalars[path]) for each in samples)
    ]
    if not found:
        return None
    # One that is always the same names the envelope rather than what it brings.
    best = min(found, key=lambda path: (len(path), _same(samples, path), place(path, names.KINDS)))
    return rule(best), lambda each: str(each.scalars[best])


def _names_kind(path: Path) -> bool:
    last = fold(path[-1])
    if FIRST in path or JSON in path or last not in names.KINDS:
        return False
    return depth(path) == 0 or (last in names.DEEP_KINDS and len(path) <= 4)


def _same(samples: Sequence[Sample], path: Path) -> bool:
    return len({each.scalars[path] for each in samples}) == 1


def _header(name: str) -> Callable[[Sample], str]:
    return lambda each: each.headers[name]


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _EVENT_LIKE.fullmatch(value) is not None


def customer(group: Sequence[Sample], about: str = "") -> Guess | None:
    """Return who it is about; a field that only some samples have counts too."""
    found = _referred(group, names.CUSTOMERS)
    if found is not None:
        return _who(group, found, "")
    found = itself(group, about)
    if found is not None:
        return _who(group, found, "")
    found = _referred(group, names.MAYBE_CUSTOMERS)
    if found is not None:
        return replace(_who(group, found, _DOUBTED.format(found[-1])), weak=True)
    return _null_customer(group)


def _who(group: Sequence[Sample], path: Path, doubt: str) -> Guess:
    values = [each.scalars[path] for each in group if path in each.scalars]
    if FIRST in path:
        doubt = doubt or "the first of a list, check that it is always the customer"
    elif len(values) > 2 and len(set(values)) == 1:
        doubt = doubt or f"the same in all {len(values)} samples, check it"
    elif any(" " in str(value).strip() for value in values):
        doubt = doubt or "looks like a name rather than an id, check it"
    return Guess(text(group, path), doubt, text(group, path), path)


def _referred(group: Sequence[Sample], table: Mapping[str, int]) -> Path | None:
    """Return the field by its name, its place and how many have it."""
    counts: dict[Path, int] = {}
    for each in group:
        for path, value in each.scalars.items():
            if place(path, table) is not None and _is_reference(value) and _is_of_one(path):
                counts[path] = counts.get(path, 0) + 1
    whole = {path for path in counts if counts[path] == len(group)}
    fit = [path for path in counts if path in whole or _may_lack(group, path)]
    return min(
        fit,
        key=lambda path: (
            FIRST in path,
            counts[path] * 2 < len(group),
            any(" " in str(each.scalars.get(path, "")) for each in group),
            place(path, table) or 0,
            path not in whole,
            len(path),
        ),
        default=None,
    )


def _may_lack(group: Sequence[Sample], path: Path) -> bool:
    """Whether a rule can ask all of them for it: none has anything else than an object above it."""
    above = {path[:length] for length in range(2, len(path))}
    return not {FIRST, JSON} & set(path) and not any(above & set(each.scalars) for each in group)


def _is_of_one(path: Path) -> bool:
    """Whether it stands in no list, or in one of people."""
    if FIRST not in path:
        return True
    around = fold(path[path.index(FIRST) - 1])
    return names.person(around) or fold(path[-1]) == "partn"


def _null_customer(group: Sequence[Sample]) -> Guess | None:
    """Return a field that is called like a customer and holds nobody in these samples."""
    for name, value in group[0].body.items():
        if value is None and (fold(name) in names.CUSTOMERS or fold(name) in names.MAYBE_CUSTOMERS):
            where = (group[0].root, name)
            return Guess(f"string({rule(where)})", "null in these samples", "", where, weak=True)
    return None


def itself(group: Sequence[Sample], about: str) -> Path | None:
    """Return the id of an object that is a customer, as it or a header says."""
    root = (group[0].root, "id")
    words = {fold(word) for word in re.split(r"[./:_-]", about)}
    if any(map(names.person, words)) and all(root in each.scalars for each in group):
        return root
    for path in common(group):
        beside = (*path[:-1], "id")
        if fold(path[-1]) == "object" and all(
            each.scalars[path] == "customer" and beside in each.scalars for each in group
        ):
            return beside
    return None


def correlation(group: Sequence[Sample]) -> Guess | None:
    """Return the order, invoice or ticket it belongs to."""
    fit = [
        path
        for path in common(group)
        if place(path, names.SUBJECTS) is not None
        and FIRST not in path
        and all(_is_reference(each.scalars[path]) for each in group)
        and not any(" " in str(each.scalars[path]) for each in group)
        and "." not in fold(path[-1])
    ]
    found = min(fit, key=lambda path: (place(path, names.SUBJECTS), len(path)), default=None)
    return Guess(text(group, found), "", text(group, found), found) if found else None


def moment(form: Format, group: Sequence[Sample]) -> Guess | None:
    """Return when it happened."""
    if form == "cloudevents" and all("ce_time" in each.headers for each in group):
        return Guess("timestamp(headers.ce_time)", "", "headers.ce_time")
    if form == "debezium" and all("debezium.ts_ms" in each.headers for each in group):
        raw = 'headers["debezium.ts_ms"]'
        return Guess(f"millis({raw})", "", raw)
    found = [guess for path in _timely(group) if (guess := _moment(group, path))]
    # A day alone counts only where nothing says more.
    exact = [each for each in found if not each.doubt.startswith("a day")]
    return next(iter(exact or found), None)


def _timely(group: Sequence[Sample]) -> Iterator[Path]:
    """Yield what may be a time: the event's own first, its last change next, a part's last."""
    fit = [path for path in common(group) if FIRST not in path]
    named = [
        path for path in fit if fold(path[-1]) in names.EVENT_TIMES or fold(path[-1]) in names.TIMES
    ]
    yield from sorted(named, key=_lateness)
    rest = [path for path in fit if path not in named and _sounds_timely(fold(path[-1]))]
    yield from sorted(rest, key=lambda path: (_of_somebody(path), depth(path)))


def _lateness(path: Path) -> tuple[bool, bool, int, int]:
    last = fold(path[-1])
    own = last in names.EVENT_TIMES
    return _of_somebody(path), not own, depth(path), {**names.EVENT_TIMES, **names.TIMES}[last]


def _of_somebody(path: Path) -> bool:
    return len(keys(path)) > 2 and names.person(fold(keys(path)[-2]))


def _sounds_timely(last: str) -> bool:
    return last.endswith(names.TIMES_END) and not any(word in last for word in names.NOT_WHEN)


def _moment(group: Sequence[Sample], path: Path) -> Guess | None:
    values = [each.scalars[path] for each in group]
    if all(map(times.is_day, values)):
        for other in common(group):
            clocks = [each.scalars[other] for each in group]
            if other[:-1] == path[:-1] and (both := times.beside(values, clocks)):
                raw = f'{rule(path)} + "T" + {rule(other)}'
                return Guess(both.template.format(rule(path), rule(other)), both.doubt, raw, path)
    found = times.reading(values)
    if found is None:
        return None
    named = fold(path[-1]) in names.EVENT_TIMES or fold(path[-1]) in names.TIMES
    doubt = found.doubt or ("" if named else f"{path[-1]} may be another time, check it")
    return Guess(found.template.format(rule(path)), doubt, text(group, path), path)


def identity(
    form: Format, group: Sequence[Sample], who: Guess, about: Guess | None, at: Guess | None
) -> Guess:
    """Return what is the same only for the same event; where it has no id, what comes close."""
    if form == "cloudevents":
        return Guess("headers.ce_id")
    found = _own_id(group, who)
    if found is not None:
        return _told_apart(form, group, found, at)
    if about is not None and at is not None:
        return Guess(f'{about.raw} + "/" + {at.raw}', "there is no id; equal ones count once")
    root = group[0].root
    content = root if at is not None else f"[{root}, record.time]"
    return Guess(f"hash({content})", "there is no id; equal ones count once")


def _own_id(group: Sequence[Sample], who: Guess) -> Path | None:
    fit = [
        path
        for path in common(group)
        if path != who.path
        and FIRST not in path
        and not _of_somebody(path)
        and (fold(path[-1]) in names.EVENT_IDS or fold(path[-1]) in names.IDS)
        and all(_is_reference(each.scalars[path]) for each in group)
    ]
    every = {**names.IDS, **names.EVENT_IDS}
    return min(
        fit,
        key=lambda path: (
            fold(path[-1]) not in names.EVENT_IDS,
            depth(path),
            every[fold(path[-1])],
        ),
        default=None,
    )


def _told_apart(form: Format, group: Sequence[Sample], found: Path, at: Guess | None) -> Guess:
    """Return the id of an event; that of an object tells none apart without its last change."""
    raw = text(group, found)
    change = _change(form, group, found, at)
    if change is not None:
        doubt = "an id of the object, not of the event: its last change is added"
        return Guess(f'{raw} + "/" + {change}', doubt)
    repeated = len({each.scalars[found] for each in group}) < len(group)
    return Guess(raw, "the samples repeat it, check it" if repeated else "")


def _change(form: Format, group: Sequence[Sample], found: Path, at: Guess | None) -> str | None:
    if fold(found[-1]) in names.EVENT_IDS:
        return None
    around = [path for path in common(group) if path[:-1] == found[:-1]]
    if form != "debezium" and any(fold(path[-1]) in names.KINDS for path in around):
        return None
    changed = next((path for path in around if fold(path[-1]) == "updatedat"), None)
    if changed is not None and form != "debezium":
        return text(group, changed)
    return at.raw if at is not None and (depth(found) > 0 or form == "debezium") else None


def details(group: Sequence[Sample]) -> dict[str, str]:
    """Return a few values that conditions often ask for; nothing that names a person."""
    found: dict[str, str] = {}
    for path in sorted(common(group), key=len):
        known = names.DETAILS.get(fold(path[-1]))
        if known is None or FIRST in path:
            continue
        name = known or re.sub(r"[^a-z0-9_]", "_", path[-1].lower())
        if name not in found and len(found) < 5:
            found[name] = optional(path)
    return found


def text(group: Sequence[Sample], path: Path) -> str:
    """Return the expression of a value as a text."""
    values = [each.scalars[path] for each in group if path in each.scalars]
    # What stands in a list or in a text has a type that only the value knows.
    if FIRST in path or JSON in path or not all(isinstance(each, str) for each in values):
        return f"string({rule(path)})"
    return rule(path)


def common(group: Sequence[Sample]) -> list[Path]:
    """Return the places where every sample has a value, in the order of the first."""
    rest = [each.scalars for each in group[1:]]
    return [path for path in group[0].scalars if all(path in each for each in rest)]


def depth(path: Path) -> int:
    """Return how many objects it stands in; an envelope is none, a text of JSON is one."""
    return sum(fold(step) not in names.ENVELOPES for step in path[1:-1] if step != FIRST)


def place(path: Path, table: Mapping[str, int]) -> int | None:
    """Return the rank of a field's name, alone or with that of the object it stands in."""
    known = keys(path)
    last = fold(known[-1])
    if last in table:
        return table[last]
    return table.get(f"{fold(known[-2])}.{last}") if len(known) > 2 else None


def _is_reference(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value.strip()) <= _LONGEST
    return isinstance(value, int) and not isinstance(value, bool)
