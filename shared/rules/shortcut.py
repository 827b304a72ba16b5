"""Conditions that begin by comparing texts or numbers, which most do: told by hand.

Most records are about something that a condition does not want, and handing one to the engine costs
more than reading it. What is told here is what the engine would say; anything else is left to it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_TEXT = r'(?:"[^"\\\n]*"|\'[^\'\\\n]*\')'
_NUMBER = r"-?\d{1,15}(?:\.\d{1,15})?(?![\w.])"
_PATH = rf"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[{_TEXT}\])+"
_CLAUSE = re.compile(
    rf"""\s*(?P<path>{_PATH})
         \s*(?:(?P<sign>==|!=)\s*(?P<text>{_TEXT})
             |(?P<compares>==|!=|<=|>=|<|>)\s*(?P<number>{_NUMBER})
             |in\s*\[(?P<texts>\s*{_TEXT}(?:\s*,\s*{_TEXT})*)\s*\]
             |in\s*\[(?P<numbers>\s*{_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\])
         \s*(?P<rest>&&|$)""",
    re.VERBOSE,
)
_STEP = re.compile(rf"[A-Za-z_]\w*|{_TEXT}")
_LOOSER = re.compile(r"\|\||(?<![.\[])\?|//")
"""What binds less than `&&` does, or hides what follows."""

_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXACT = 2**53
"""Beyond it the engine rounds whole numbers when it compares them with others."""

_STEPPED, _WHOLE = ("map", "texts", "dyn"), ("string", "int", "double", "dyn")
"""Types of variables that a path goes into, and of those that are a value themselves."""

Path = tuple[str, ...]
"""The name of a variable, dots and all, and the steps from there."""

Test = Callable[[Any], bool | None]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The comparisons a condition begins with; `whole` when there is nothing after them."""

    clauses: tuple[tuple[Path, Test], ...]
    whole: bool

    def __call__(self, data: Mapping[str, Any]) -> bool | None:
        """Return what the condition gives, None when only the engine can tell."""
        for path, test in self.clauses:
            told = test(_value_at(path, data))
            if not told:
                return told
        return True if self.whole else None


def of(text: str, variables: Mapping[str, str]) -> Shortcut | None:
    """Return the shortcut through a condition over these variables and their types, if any."""
    if _LOOSER.search(re.sub(_TEXT, "''", text)):
        return None
    clauses: list[tuple[Path, Test]] = []
    end, more = 0, True
    while more and (found := _CLAUSE.match(text, end)):
        path = _path(found["path"], variables)
        if path is None:
            break
        clauses.append((path, _test(found)))
        end, more = found.end(), bool(found["rest"])
    return Shortcut(tuple(clauses), not more) if clauses else None


def _value_at(path: Path, data: Mapping[str, Any]) -> Any:
    value: Any = data
    for step in path:
        value = value.get(step) if type(value) is dict else None
    return value


def _test(found: re.Match[str]) -> Test:
    if found["text"]:
        return _compared_text(_SIGNS[found["sign"]], _bare(found["text"]))
    if found["number"]:
        return _compared_number(_SIGNS[found["compares"]], float(found["number"]))
    if found["texts"]:
        wanted = frozenset(map(_bare, re.findall(_TEXT, found["texts"])))
        return _compared_text(lambda value, texts: value in texts, wanted)
    numbers = frozenset(map(float, re.findall(_NUMBER, found["numbers"])))
    return _compared_number(lambda value, among: value in among, numbers)


def _compared_text(holds: Callable[[Any, Any], bool], wanted: object) -> Test:
    def test(value: Any) -> bool | None:
        # The engine ends a text at its first zero character.
        return holds(value, wanted) if type(value) is str and "\x00" not in value else None

    return test


def _compared_number(holds: Callable[[Any, Any], bool], wanted: object) -> Test:
    def test(value: Any) -> bool | None:
        kind = type(value)
        exact = kind is float or (kind is int and -_EXACT <= value <= _EXACT)
        return holds(value, wanted) if exact else None

    return test


def _path(written: str, variables: Mapping[str, str]) -> Path | None:
    for name, kind in variables.items():
        rest = written[len(name) :]
        if not written.startswith(name) or rest[:1] not in ("", ".", "["):
            continue
        if kind in (_STEPPED if rest else _WHOLE):
            return (name, *map(_bare, _STEP.findall(rest)))
    return None


def _bare(written: str) -> str:
    return written[1:-1] if written[0] in "\"'" else written
