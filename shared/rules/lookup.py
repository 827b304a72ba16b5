"""Expressions that only look values up, perhaps convert or join them, which most do: told by hand.

Handing an expression to the engine costs more than reading a whole record. What is told here is
what the engine would say; whatever is absent, null or out of the ordinary is left to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from shared.rules.functions import Function

_TEXT = r"""(?:"[^"\\\n]*"|'[^'\\\n]*')"""
_PLACE = rf"(?:[A-Za-z_]\w*(?:\.\??[A-Za-z_]\w*|\[\??{_TEXT}\])+)"
_STEP = re.compile(rf"(?P<maybe>\?)?(?:(?P<name>[A-Za-z_]\w*)|(?P<text>{_TEXT}))")
_CALL = re.compile(
    rf"\s*(?P<name>[a-z_]+)\((?P<arguments>\s*{_PLACE}\s*(?:,\s*{_TEXT}\s*|,\s*{_PLACE}\s*)*)\)\s*"
)
_ARGUMENT = re.compile(rf"{_PLACE}|{_TEXT}")
_TERM = rf"\s*(?:{_TEXT}|{_PLACE}|string\(\s*{_PLACE}\s*\))\s*"
_SUM = re.compile(rf"{_TERM}(?:\+{_TERM})+")
_TERMS = re.compile(rf"{_TEXT}|string\(\s*{_PLACE}\s*\)|{_PLACE}")
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_SURE = frozenset({str, bool, datetime})
_EXACT = 2**53
_LARGEST = 2**63

_TYPES: Mapping[str, frozenset[type]] = {
    "string": frozenset({str}),
    "int": frozenset({int}),
    "double": frozenset({float}),
    "bool": frozenset({bool}),
    "timestamp": frozenset({datetime}),
    "json": frozenset({str, int, float, bool, datetime}),
}

UNTOLD: Final = object()
"""What only the engine can tell."""

Lookup: TypeAlias = Callable[[Mapping[str, Any]], Any]
"""Returns a value from inputs, or UNTOLD; None where what may be absent is."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path through objects; from its step `maybe` on, what is absent is null."""

    steps: tuple[str, ...]
    maybe: int

    def __call__(self, data: Mapping[str, Any]) -> Any:
        value: Any = data
        for number, step in enumerate(self.steps):
            if type(value) is not dict:
                return UNTOLD
            if step not in value:
                return None if number >= self.maybe else UNTOLD
            value = value[step]
        return UNTOLD if value is None else value


@dataclass(frozen=True, slots=True)
class _Literal:
    text: str

    def __call__(self, data: Mapping[str, Any]) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class _Converted:
    """A function of what stands at some places."""

    apply: Callable[..., Any]
    arguments: tuple[Lookup, ...]

    def __call__(self, data: Mapping[str, Any]) -> Any:
        values = [each(data) for each in self.arguments]
        if not all(map(_convertible, values)):
            return UNTOLD
        try:
            return self.apply(*values)
        except (ValueError, OverflowError):
            return UNTOLD


@dataclass(frozen=True, slots=True)
class _Joined:
    terms: tuple[Lookup, ...]

    def __call__(self, data: Mapping[str, Any]) -> Any:
        texts = [each(data) for each in self.terms]
        return "".join(texts) if all(type(each) is str for each in texts) else UNTOLD


@dataclass(frozen=True, slots=True)
class _Expected:
    """Tells only what is sure to be of the type that is expected, as the engine has it."""

    lookup: Lookup
    types: frozenset[type]
    nullable: bool

    def __call__(self, data: Mapping[str, Any]) -> Any:
        value = self.lookup(data)
        kind = type(value)
        if kind not in self.types:
            return value if value is None and self.nullable else UNTOLD
        return value if kind in _SURE or _convertible(value) else UNTOLD


def _convertible(value: Any) -> bool:
    """Whether it is a text or a number that the engine takes as it is."""
    kind = type(value)
    if kind is int:
        return bool(-_LARGEST <= value < _LARGEST)
    return kind is str or (kind is float and math.isfinite(value))


def of(
    text: str,
    variables: Mapping[str, str],
    functions: Mapping[str, Function],
    expects: str,
    nullable: bool,
) -> Lookup | None:
    """Return how to tell an expression that the engine has compiled, None when only it can."""
    found = _place(text.strip(), variables) or _call(text, variables, functions)
    found = found or _sum(text, variables)
    return _Expected(found, _TYPES[expects], nullable) if found else None


def _place(written: str, variables: Mapping[str, str]) -> Lookup | None:
    if re.fullmatch(_PLACE, written) is None:
        return None
    found = list(_STEP.finditer(written))
    steps = tuple(each["name"] or each["text"][1:-1] for each in found)
    if variables.get(steps[0]) not in ("map", "texts", "dyn"):
        return None
    first = next((number for number, each in enumerate(found) if each["maybe"]), len(found))
    return Place(steps, first)


def _call(
    text: str, variables: Mapping[str, str], functions: Mapping[str, Function]
) -> Lookup | None:
    found = _CALL.fullmatch(text)
    apply = _applied(found["name"], functions) if found else None
    if found is None or apply is None:
        return None
    arguments = [_argument(each, variables) for each in _ARGUMENT.findall(found["arguments"])]
    ready = tuple(each for each in arguments if each is not None)
    return _Converted(apply, ready) if len(ready) == len(arguments) else None


def _applied(name: str, functions: Mapping[str, Function]) -> Callable[..., Any] | None:
    function = functions.get(name)
    if function is None:
        return _CONVERSIONS.get(name)
    return function.apply if function.gives != "dyn" and function.takes[0] != "any" else None


def _argument(written: str, variables: Mapping[str, str]) -> Lookup | None:
    if written[0] in "\"'":
        return _Literal(written[1:-1])
    # What may be absent has a type of its own, which conversions do not take.
    return None if "?" in written else _place(written, variables)


def _sum(text: str, variables: Mapping[str, str]) -> Lookup | None:
    if _SUM.fullmatch(text) is None:
        return None
    terms = [
        _call(each, variables, {}) if each.startswith("string(") else _argument(each, variables)
        for each in _TERMS.findall(text)
    ]
    ready = tuple(each for each in terms if each is not None)
    return _Joined(ready) if len(ready) == len(terms) else None


def _timestamp(value: Any) -> datetime:
    if type(value) is not str or _MOMENT.fullmatch(value) is None:
        raise ValueError
    return datetime.fromisoformat(value).astimezone(UTC)


def _int(value: Any) -> int:
    if type(value) is int or (type(value) is str and _WHOLE.fullmatch(value)):
        return int(value)
    raise ValueError


def _double(value: Any) -> float:
    if type(value) is float or (type(value) is str and _NUMBER.fullmatch(value)):
        return float(value)
    if type(value) is int and -_EXACT <= value <= _EXACT:
        return float(value)
    raise ValueError


def _string(value: Any) -> str:
    if type(value) is float:
        raise ValueError
    return str(value)


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "timestamp": _timestamp,
    "int": _int,
    "double": _double,
    "string": _string,
}
