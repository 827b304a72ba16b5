"""Where a value stands inside a message, and how CEL says that. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str, ...]
"""Keys from the root, which is `body` or `headers`."""

DEEPEST = 4
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    {
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import"),
        *("in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void"),
        "while",
    }
)


def rule(path: Path) -> str:
    """Return the path as an expression."""
    return path[0] + "".join(
        f".{step}" if _PLAIN.fullmatch(step) and step not in _RESERVED else f"[{literal(step)}]"
        for step in path[1:]
    )


def literal(text: str) -> str:
    """Return a text as CEL writes it."""
    return json.dumps(text, ensure_ascii=False)


def optional(path: Path) -> str:
    """Return an expression that is null where the last step is absent."""
    if not _PLAIN.fullmatch(path[-1]) or path[-1] in _RESERVED:
        return rule(path)
    return f"has({rule(path)}) ? {rule(path)} : null"


def scalars(body: Mapping[str, Any], start: Path = ("body",)) -> Iterator[tuple[Path, Any]]:
    """Yield every text, number and flag that is no part of a list, those above first."""
    below: list[tuple[Path, Mapping[str, Any]]] = [(start, body)]
    while below:
        place, found = below.pop(0)
        for name, value in found.items():
            if isinstance(value, dict):
                if len(place) < DEEPEST:
                    below.append(((*place, name), value))
            elif value is not None and not isinstance(value, list):
                yield (*place, name), value
