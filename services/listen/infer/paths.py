"""Where a value stands inside a message, and how CEL says that. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from shared import plain_json

Path: TypeAlias = tuple[str, ...]
"""Keys from the root, which is `body`, `item` or `headers`; FIRST or JSON may stand between."""

# No key can be called like these: what holds the character U+0000 is refused when it is read.
FIRST = "\x00first"
JSON = "\x00json"
DEEPEST = 4
_CALLS = {FIRST: "first", JSON: "json"}
_LONGEST = 100_000
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    {
        *("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import"),
        *("in", "let", "loop", "namespace", "null", "package", "return", "true", "var", "void"),
        "while",
    }
)


def keys(path: Path) -> Path:
    """Return the keys alone, the root among them."""
    return tuple(step for step in path if step not in _CALLS)


def rule(path: Path) -> str:
    """Return the path as an expression."""
    text = path[0]
    for step in path[1:]:
        text = f"{_CALLS[step]}({text})" if step in _CALLS else text + _step(step)
    return text


def _step(step: str, maybe: str = "") -> str:
    if _PLAIN.fullmatch(step) and step not in _RESERVED:
        return f".{maybe}{step}"
    return f"[{maybe}{literal(step)}]"


def literal(text: str) -> str:
    """Return a text as CEL writes it; what cannot be seen is named, so that YAML keeps it."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)


def optional(path: Path) -> str:
    """Return an expression that is null where any step is absent, the text around JSON excepted."""
    inner = max((at for at, step in enumerate(path) if step == JSON), default=0)
    text = rule(path[: inner + 1])
    return text + "".join(
        "[?0]" if step == FIRST else _step(step, "?") for step in path[inner + 1 :]
    )


def scalars(body: Mapping[str, Any], start: Path = ("body",)) -> Iterator[tuple[Path, Any]]:
    """Yield every text, number and flag, also in the first of a list and in a text of JSON.

    Those above come first.
    """
    below: list[tuple[Path, Mapping[str, Any]]] = [(start, body)]
    while below:
        place, found = below.pop(0)
        for name, value in found.items():
            steps, inner = _inside(value)
            if inner is None and value is not None and not isinstance(value, list | dict):
                yield (*place, name), value
            elif inner is not None and len(keys(place)) < DEEPEST:
                below.append(((*place, name, *steps), inner))


def _inside(value: Any) -> tuple[Path, Mapping[str, Any] | None]:
    """Return the object that a value is or holds, and the steps to it."""
    if isinstance(value, dict):
        return (), value
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return (FIRST,), value[0]
    return (JSON,), _object(value) if isinstance(value, str) else None


def _object(text: str) -> Mapping[str, Any] | None:
    if not text.lstrip().startswith("{") or len(text) > _LONGEST:
        return None
    try:
        found = plain_json.read(text.encode(), "the text")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def lists(body: Mapping[str, Any], start: Path = ("body",)) -> Iterator[tuple[Path, list[Any]]]:
    """Yield every list of objects that stands in no other list."""
    for name, value in body.items():
        if isinstance(value, dict) and len(start) < DEEPEST:
            yield from lists(value, (*start, name))
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            yield (*start, name), value
