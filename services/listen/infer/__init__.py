"""Proposes mappings for sample messages: a start for a person, and what was unsure. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from services.listen.infer import names
from services.listen.infer.cards import Card, card
from services.listen.infer.guesses import (
    Guess,
    Sample,
    correlation,
    customer,
    details,
    identity,
    kind,
    moment,
)
from services.listen.infer.paths import FIRST, JSON, Path, lists, literal, optional, rule
from shared.catalog.fields import Format

_UNFIT = re.compile(r"[^a-z0-9_-]+")
_MOST_LISTS = 3

__all__ = ["Proposal", "Proposed", "Sample", "propose", "yaml"]


@dataclass(slots=True)
class Proposal:
    """One mapping: the fields as CEL, and remarks for a person."""

    signal: str
    when: str | None
    fields: dict[str, str]
    attributes: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    each: str | None = None


@dataclass(slots=True)
class Proposed:
    """What was found: mappings, contact cards, and the kinds for which there is none."""

    form: Format
    mappings: list[Proposal]
    remarks: list[str]
    cards: list[Card] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Messages of one kind, or the items of a list in them; or the rest, where others name whom."""

    source: str
    form: Format
    name: str
    when: str | None
    group: list[Sample]
    each: str | None = None
    of_people: bool = False
    rest: bool = False


def propose(source: str, form: Format, samples: Sequence[Sample]) -> Proposed:
    """Group samples by what they are about, and look for id, customer and time in each group."""
    proposed = Proposed(form, [], [])
    taken: set[str] = set()
    for name, when, group in _groups(samples, proposed.remarks):
        _add_all(proposed, _Kind(source, form, name, when, group), taken)
    return proposed


def _add_all(proposed: Proposed, told: _Kind, taken: set[str]) -> None:
    """Add what messages of a kind say themselves, else what the lists in them say."""
    kinds = [told] if _is_sure(told) else [*_paged(told)] or [told]
    for each in kinds:
        rest = _add(proposed, each, taken)
        if rest is not None:
            _add_all(proposed, rest, taken)


def _groups(
    samples: Sequence[Sample], remarks: list[str]
) -> Iterator[tuple[str, str | None, list[Sample]]]:
    """Yield the name of each kind, the condition that tells it, and its samples."""
    told = kind(samples)
    if told is not None:
        expression, value_of = told
        groups: dict[str, list[Sample]] = {}
        for each in samples:
            groups.setdefault(value_of(each), []).append(each)
        for value, group in sorted(groups.items()):
            yield value, f"{expression} == {literal(value)}", group
        return
    remarks.append("no field says what a message is about: check `when`")
    yield from _shapes(samples)


def _shapes(samples: Sequence[Sample]) -> Iterator[tuple[str, str | None, list[Sample]]]:
    """Tell messages apart by the field that only they have."""
    shapes: dict[frozenset[str], list[Sample]] = {}
    for each in samples:
        shapes.setdefault(frozenset(each.body), []).append(each)
    rest: list[Sample] = []
    for shape, group in shapes.items():
        others: set[str] = set().union(*(each for each in shapes if each != shape))
        own = sorted(shape - others, key=lambda name: (not _is_map(group, name), name))
        fit = next((name for name in own if rule(("body", name)) == f"body.{name}"), None)
        if len(shapes) == 1:
            yield (fit or "") if len(shape) == 1 else "", None, group
        elif fit is not None:
            yield fit, f"has({rule(('body', fit))})", group
        else:
            rest += group
    if rest:
        yield "", None, rest


def _is_map(group: Iterable[Sample], name: str) -> bool:
    return all(isinstance(each.body[name], dict) for each in group)


def _is_sure(told: _Kind) -> bool:
    """Whether the message itself is the event, rather than a page of them."""
    who = customer(told.group, _about(told))
    if who is None or (who.weak and [*_paged(told)]):
        return False
    return FIRST not in who.path or moment(told.form, told.group) is not None


def _about(told: _Kind) -> str:
    """Return what a header says the body is; a field of the body names an event instead."""
    return told.name if told.when and told.when.startswith("headers") else ""


def _paged(told: _Kind) -> Iterator[_Kind]:
    """Yield the lists in these messages whose items tell of customers, the longest first."""
    found: dict[Path, list[Sample]] = {}
    for sample in told.group if told.each is None else ():
        for path, items in lists(sample.body):
            made = [Sample(sample.headers, item, "item") for item in items]
            found.setdefault(path, []).extend(made)
    for path, items in sorted(found.items(), key=lambda each: -len(each[1]))[:_MOST_LISTS]:
        people = names.person(names.fold(path[-1]))
        who = customer(items)
        if people or (who is not None and not who.weak):
            each = f"many({optional(path)})"
            name = f"{told.name}.{path[-1]}" if told.name else path[-1]
            yield replace(told, name=name, group=items, each=each, of_people=people)


def _add(proposed: Proposed, told: _Kind, taken: set[str]) -> _Kind | None:
    """Add a signal and a card of a kind, or a remark why not; return those it says nothing of."""
    who = customer(told.group, "customer" if told.of_people else _about(told))
    if who is None or (told.rest and not any(who.path in each.scalars for each in told.group)):
        reason = "nothing looks like a customer"
        proposed.remarks.append(_line(f"no mapping for {told.name or 'these'}: {reason}"))
        return None
    told, rest = _split(told, who)
    at = moment(told.form, told.group)
    if not told.of_people:
        signal = _signal(told.source, told.name, taken)
        proposed.mappings.append(_mapping(told, signal, who, at))
    found = card(told.group, who, at, source=told.source, of_people=told.of_people)
    if found is not None:
        _join(proposed.cards, replace(found, when=told.when, each=told.each))
    return rest


def _split(told: _Kind, who: Guess) -> tuple[_Kind, _Kind | None]:
    """Return the messages that name somebody so, and those that do not where there are such."""
    having = [each for each in told.group if who.path in each.scalars]
    if len(having) in (0, len(told.group)) or JSON in who.path:
        return told, None
    lacking = [each for each in told.group if who.path not in each.scalars]
    named = f"{optional(who.path)}.hasValue()"
    return _only(told, named, having), replace(_only(told, f"!{named}", lacking), rest=True)


def _only(told: _Kind, condition: str, group: list[Sample]) -> _Kind:
    when = f"{told.when} && {condition}" if told.when else condition
    return replace(told, group=group, when=when)


def _mapping(told: _Kind, signal: str, who: Guess, at: Guess | None) -> Proposal:
    about = correlation(told.group)
    id = identity(told.form, told.group, who, about, at)
    guesses = {"id": id, "customer": who, "occurred_at": at, "correlation": about}
    found = {name: guess for name, guess in guesses.items() if guess is not None}
    remarks = [_line(f"{name}: {guess.doubt}") for name, guess in found.items() if guess.doubt]
    if at is None:
        remarks.append("occurred_at: no time found, that of the record on its topic counts")
    fields = {name: guess.expression for name, guess in found.items()}
    return Proposal(signal, told.when, fields, details(told.group), remarks, told.each)


def _join(cards: list[Card], found: Card) -> None:
    """Add a card, or the condition for which one that is there holds too."""
    for each in cards:
        if (each.fields, each.each) == (found.fields, found.each):
            both = each.when and found.when
            each.when = f"{each.when} || {found.when}" if both else None
            return
    cards.append(found)


def _signal(source: str, name: str, taken: set[str]) -> str:
    """Make a signal of a kind: `zen:event-type:ticket.created` is about `ticket.created`."""
    words = name.rsplit(":", 1)[-1].lower().replace("/", ".").split(".")
    parts = [_UNFIT.sub("_", word).strip("_") for word in words]
    made = ".".join([source, *(part for part in parts if part)])[:110].rstrip(".")
    made = made if made != source else f"{source}.event"
    whole, nth = made, 2
    while whole in taken:
        whole, nth = f"{made}_{nth}", nth + 1
    taken.add(whole)
    return whole


def yaml(source: str, topic: str, proposed: Proposed, trailer: Sequence[str]) -> str:
    """Write it as an entry of sources.yaml."""
    lines = [f"# {each}" for each in proposed.remarks]
    lines += [f"- source: {source}  # its name", f"  topic: {topic}  # its topic"]
    lines += [f"  format: {proposed.form}", "  signals:" if proposed.mappings else "  signals: []"]
    for each in proposed.mappings:
        told = {"signal": each.signal, **_written(each.when, each.each, each.fields)}
        lines += _entry(told, each.remarks)
        if each.attributes:
            lines.append("      attributes:")
            lines += [f"        {name}: {_quoted(text)}" for name, text in each.attributes.items()]
    lines += ["  profiles:"] if proposed.cards else []
    for held in proposed.cards:
        lines += _entry(_written(held.when, held.each, held.fields), held.remarks)
    return "\n".join([*lines, *(f"# {_line(each)}" for each in trailer)]) + "\n"


def _written(when: str | None, each: str | None, fields: dict[str, str]) -> dict[str, str]:
    known = {"each": each, "when": when, **fields}
    return {name: _quoted(text) for name, text in known.items() if text}


def _entry(fields: dict[str, str], remarks: Sequence[str]) -> list[str]:
    (name, text), *rest = fields.items()
    lines = [f"    # {each}" for each in remarks]
    lines.append(f"    - {name}: {text}")
    return [*lines, *(f"      {name}: {text}" for name, text in rest)]


def _line(text: str) -> str:
    """Keep a remark on one line, whatever a kind is called."""
    return " ".join(text.split())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
