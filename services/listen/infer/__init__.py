"""Proposes a mapping for sample messages: a start for a person, and what was unsure. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
from services.listen.infer.paths import literal, rule
from shared.catalog.fields import Format

_UNFIT = re.compile(r"[^a-z0-9_-]+")

__all__ = ["Proposal", "Proposed", "Sample", "propose", "yaml"]


@dataclass(slots=True)
class Proposal:
    """One mapping: the fields as CEL, and remarks for a person."""

    signal: str
    when: str | None
    fields: dict[str, str]
    attributes: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Proposed:
    """What was found: mappings, and the kinds for which there is none."""

    form: Format
    mappings: list[Proposal]
    remarks: list[str]


def propose(source: str, form: Format, samples: Sequence[Sample]) -> Proposed:
    """Group samples by what they are about, and look for id, customer and time in each group."""
    remarks: list[str] = []
    mappings: list[Proposal] = []
    taken: set[str] = set()
    for name, when, group in _groups(samples, remarks):
        found = _mapping(_signal(source, name, taken), when, form, group)
        if isinstance(found, str):
            remarks.append(f"no mapping for {name or 'these'}: {found}")
        else:
            mappings.append(found)
    return Proposed(form, mappings, remarks)


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
    for shape, group in shapes.items():
        others: set[str] = set().union(*(each for each in shapes if each != shape))
        own = sorted(shape - others, key=lambda name: (not _is_map(group, name), name))
        fit = next((name for name in own if name.isidentifier()), None)
        if len(shapes) == 1:
            yield (fit or "") if len(shape) == 1 else "", None, group
        elif fit is not None:
            yield fit, f"has({rule(('body', fit))})", group


def _is_map(group: Iterable[Sample], name: str) -> bool:
    return all(isinstance(each.body[name], dict) for each in group)


def _mapping(signal: str, when: str | None, form: Format, group: list[Sample]) -> Proposal | str:
    """Return a proposal, or why there can be none."""
    who = customer(group)
    if who is None:
        return "nothing looks like a customer"
    at, about = moment(form, group), correlation(group)
    id = identity(form, group, [who, about, at])
    if id is None:
        return "nothing tells one event from another"
    guesses: Mapping[str, Guess | None] = {
        "id": id,
        "customer": who,
        "occurred_at": at,
        "correlation": about,
    }
    found = {name: guess for name, guess in guesses.items() if guess is not None}
    remarks = [f"{name}: {guess.doubt}" for name, guess in found.items() if guess.doubt]
    if at is None:
        remarks.append("occurred_at: no time found, that of the record on its topic counts")
    fields = {name: guess.expression for name, guess in found.items()}
    return Proposal(signal, when, fields, details(group), remarks)


def _signal(source: str, name: str, taken: set[str]) -> str:
    """Make a signal of a kind: `zen:event-type:ticket.created` is about `ticket.created`."""
    words = name.rsplit(":", 1)[-1].lower().replace("/", ".").split(".")
    parts = [_UNFIT.sub("_", word).strip("_") for word in words]
    made = ".".join([source, *(part for part in parts if part)])[:120]
    made = made if made != source else f"{source}.event"
    while made in taken:
        made += "_2"
    taken.add(made)
    return made


def yaml(source: str, topic: str, proposed: Proposed, trailer: Sequence[str]) -> str:
    """Write it as an entry of sources.yaml."""
    lines = [f"# {each}" for each in proposed.remarks]
    lines += [f"- source: {source}  # its name", f"  topic: {topic}  # its topic"]
    lines += [f"  format: {proposed.form}", "  signals:" if proposed.mappings else "  signals: []"]
    for each in proposed.mappings:
        lines += [f"    # {remark}" for remark in each.remarks]
        lines.append(f"    - signal: {each.signal}")
        if each.when:
            lines.append(f"      when: {_quoted(each.when)}")
        lines += [f"      {name}: {_quoted(text)}" for name, text in each.fields.items()]
        if each.attributes:
            lines.append("      attributes:")
            lines += [f"        {name}: {_quoted(text)}" for name, text in each.attributes.items()]
    return "\n".join([*lines, *(f"# {each}" for each in trailer)]) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
