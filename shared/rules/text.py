"""Rules as text: what may not stand in one, which functions it calls, which paths it takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.plain_json import kind

_TOKENS = re.compile(
    r"""(?P<text>
          [bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
        | [bB]?(?:\"{3}(?:\\.|.)*?\"{3}|'{3}(?:\\.|.)*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
        | //[^\n]*)
      | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
      | (?P<sign>[().,?\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_LOOPS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
# What is null is as good as absent to `.?` and `[?]`: payloads write the one and mean the other.
_NOT_NULL = ".optFlatMap(_v, dyn(_v) == null ? optional.none() : optional.of(_v))"
_PATH = re.compile(
    r"""(?<![\w.])(?P<root>[A-Za-z_]\w*)
        (?P<steps>(?:\s*\.\s*[A-Za-z_]\w*(?!\w|\s*\()|\[(?:"[^"\\]*"|'[^'\\]*'|\d+)\])+)""",
    re.VERBOSE,
)
_STEP = re.compile(
    r"""\.\s*(?P<name>\w+)|\[(?:"(?P<one>[^"]*)"|'(?P<two>[^']*)'|(?P<index>\d+))\]"""
)


class Misshapen(ValueError):
    """A rule that is refused by its looks; `column` counts from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a sign outside texts and comments; `at` counts from 0."""

    text: str
    at: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.at + len(self.text)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one of our own functions: its arguments, and where they stand."""

    name: str
    start: int
    end: int
    arguments: tuple[tuple[int, str], ...]


def tokens(text: str) -> list[Token]:
    """Return the words and signs that are not inside a text or a comment."""
    return [Token(m.group(), m.start()) for m in _TOKENS.finditer(text) if not m.group("text")]


def check_shape(text: str, variables: Collection[str]) -> None:
    """Refuse loops inside loops, and `has()` on a variable, which the library misreads."""
    found = tokens(text)
    loops: list[bool] = []
    for index, token in enumerate(found):
        if token.text == "(":
            loop = index > 1 and found[index - 1].text in _LOOPS and found[index - 2].text == "."
            if loop and any(loops):
                raise Misshapen(token.at + 1, "a loop inside a loop, which can grow without bound")
            loops.append(loop)
            _check_has(found, index, variables)
        elif token.text == ")" and loops:
            loops.pop()


def _check_has(found: list[Token], index: int, variables: Collection[str]) -> None:
    if index == 0 or found[index - 1].text != "has":
        return
    words = [token.text for token in found[index + 1 :]]
    name = "".join(words[: words.index(")")]) if ")" in words else ""
    if name in variables:
        message = f'`{name}` is always there, compare it instead: {name} != ""'
        raise Misshapen(found[index - 1].at + 1, message)


def calls(text: str, names: Collection[str]) -> Iterator[Call]:
    """Yield the outermost calls of these functions; their arguments may hold more of them."""
    found = tokens(text)
    past = 0
    for index, token in enumerate(found[:-1]):
        if token.at < past or token.text not in names or found[index + 1].text != "(":
            continue
        if index and found[index - 1].text == ".":
            continue
        call = _call(text, found, index)
        past = call.end
        yield call


def _call(text: str, found: list[Token], index: int) -> Call:
    arguments: list[tuple[int, str]] = []
    depth, start = 0, found[index + 1].end
    for token in found[index + 1 :]:
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
        if (depth == 1 and token.text == ",") or depth == 0:
            arguments.append((start, text[start : token.at]))
            start = token.end
        if depth == 0:
            given = () if not any(each.strip() for _, each in arguments) else tuple(arguments)
            return Call(found[index].text, found[index].at, token.end, given)
    raise Misshapen(found[index].at + 1, f"`{found[index].text}(` is not closed")


def null_is_absent(text: str) -> str:
    """Return the rule with `.?` and `[?` that pass over null as over what is absent."""
    places = sorted(_optional_ends(text, tokens(text)), reverse=True)
    for place in places:
        text = text[:place] + _NOT_NULL + text[place:]
    return text


def _optional_ends(text: str, found: list[Token]) -> Iterator[int]:
    for index, token in enumerate(found[:-2]):
        if found[index + 1].text != "?":
            continue
        if token.text == ".":
            yield found[index + 2].end
        elif token.text == "[" and _is_index(text[: token.at].rstrip()):
            yield _closing(found, index)


def _is_index(before: str) -> bool:
    """Whether a bracket after this is an index rather than a list."""
    word = re.search(r"\w+$", before)
    return before[-1:] in {")", "]", "}", '"', "'"} or bool(word and word.group() != "in")


def _closing(found: list[Token], index: int) -> int:
    depth = 0
    for token in found[index:]:
        depth += (token.text in _OPEN) - (token.text in _CLOSE)
        if depth == 0:
            return token.end
    raise Misshapen(found[index].at + 1, "`[` is not closed")


@dataclass(frozen=True, slots=True)
class Dead:
    """A path of a rule that leads nowhere: `key` is what it lacks, None where it ends in null."""

    path: str
    says: str
    key: str | None


def dead_paths(text: str, data: Mapping[str, Any]) -> Iterator[Dead]:
    """Yield the paths written in a rule that lead nowhere in the data; never a value of it."""
    for match in _PATH.finditer(text):
        if match["root"] in data:
            dead = _dead(match["root"], match["steps"], data[match["root"]])
            if dead:
                yield dead


def _dead(path: str, steps: str, value: Any) -> Dead | None:
    for match in _STEP.finditer(steps):
        name = match["name"] or match["one"] or match["two"] or ""
        index = match["index"]
        further = path + (f".{match['name']}" if match["name"] else match.group())
        if isinstance(value, list) and index is not None:
            if int(index) >= len(value):
                return Dead(further, "is absent", index)
            value = value[int(index)]
        elif isinstance(value, Mapping) and index is None:
            if name not in value:
                return Dead(further, "is absent", name)
            value = value[name]
        else:
            wanted = "an object" if index is None else "a list"
            says = "is null" if value is None else f"is {kind(value)}, not {wanted}"
            return Dead(path, says, None)
        path = further
    return Dead(path, "is null", None) if value is None else None
