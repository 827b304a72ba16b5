"""Rules that only look a text up, and conditions that begin so, which most do: told by hand.

Most records are about something that a condition does not want, and handing one to the engine costs
more than reading it. What is told here is what the engine would say; anything else is left to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TEXT = r'(?:"[^"\\\n]*"|\'[^\'\\\n]*\')'
_PATH = rf"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[{_TEXT}\])+"
_CLAUSE = re.compile(
    rf"""\s*(?P<path>{_PATH})
         \s*(?:==\s*(?P<one>{_TEXT})|in\s*\[(?P<many>\s*{_TEXT}(?:\s*,\s*{_TEXT})*)\s*\])
         \s*(?P<rest>&&|$)""",
    re.VERBOSE,
)
_STEP = re.compile(rf"[A-Za-z_]\w*|{_TEXT}")
_LOOSER = re.compile(r"\|\||(?<![.\[])\?|//")
"""What binds less than `&&` does, or hides what follows."""


Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """The comparisons a condition begins with; `whole` when there is nothing after them."""

    clauses: tuple[tuple[Path, frozenset[str]], ...]
    whole: bool

    def __call__(self, data: Mapping[str, Any]) -> bool | None:
        """Return what the condition gives, None when only the engine can tell."""
        for path, texts in self.clauses:
            value = text_at(path, data)
            if value is None:
                return None
            if value not in texts:
                return False
        return True if self.whole else None


def of(text: str, variables: Mapping[str, str]) -> Shortcut | None:
    """Return the shortcut through a condition over these variables and their types, if any."""
    if _LOOSER.search(re.sub(_TEXT, "''", text)):
        return None
    clauses: list[tuple[Path, frozenset[str]]] = []
    end, more = 0, True
    while more and (found := _CLAUSE.match(text, end)):
        path = _path(found["path"], variables)
        if path is None:
            break
        texts = re.findall(_TEXT, found["one"] or found["many"])
        clauses.append((path, frozenset(map(_bare, texts))))
        end, more = found.end(), bool(found["rest"])
    return Shortcut(tuple(clauses), not more) if clauses else None


def field(text: str, variables: Mapping[str, str]) -> Path | None:
    """Return the path that a rule is, if it is nothing but one."""
    bare = text.strip()
    return _path(bare, variables) if re.fullmatch(_PATH, bare) else None


def text_at(path: Path, data: Mapping[str, Any]) -> str | None:
    """Return the text at the end of a path, None for anything else."""
    value: Any = data
    for step in path:
        value = value.get(step) if type(value) is dict else None
    return value if type(value) is str else None


def _path(written: str, variables: Mapping[str, str]) -> Path | None:
    path = tuple(_bare(step) for step in _STEP.findall(written))
    return path if variables.get(path[0]) in ("map", "texts", "dyn") else None


def _bare(written: str) -> str:
    return written[1:-1] if written[0] in "\"'" else written
