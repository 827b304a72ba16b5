"""A compiled rule at work: what the engine runs, what it is given, and the words in which it fails.

Three traps of the library are closed here and nowhere else: it returns errors instead of raising
them (and their plain value is a truthy text), it loses count of its nulls, and it never lets go of
what passes through functions added to it; so ours are called beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel

from shared.rules import text as rule_text
from shared.rules.errors import NullGiven, RuleFailed
from shared.rules.functions import Function

MOST_CALLS = 8
_NO_KEY = re.compile(r'Key not found in map : "?(?P<key>.*?)"?$', re.DOTALL)
_NO_SLOT = re.compile(r"(?P<slot>_[a-z_]+\d)\b")
_NO_VALUE = re.compile(r'No value with name "(?P<name>[^"]*)"')
_SAID_BETTER = {
    "No matching overloads found : or": "or() takes what may be absent: a.?b.or(a.?c)",
    "No matching overloads found : orValue": "orValue() takes what may be absent: a.?b.orValue(c)",
    "No matching overloads found : _?._(null_type": (
        "`.?` after a null, take list[?0] for first(list)"
    ),
}
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'", re.DOTALL)


class Inputs:
    """Inputs that were checked and prepared once, for any number of rules over the same ones."""

    __slots__ = ("_activate", "_activation", "data")

    def __init__(
        self, data: Mapping[str, Any], activate: Callable[[Mapping[str, Any]], Any]
    ) -> None:
        self.data = data
        self._activate = activate
        self._activation: Any = None

    @property
    def activation(self) -> Any:
        """The inputs as the engine takes them; what a shortcut answers never needs them so."""
        if self._activation is None:
            self._activation = self._activate(self.data)
        return self._activation


@dataclass(frozen=True, slots=True)
class Called:
    """A call of one of our own functions; its result stands in a variable of its own."""

    slot: str
    call: rule_text.Call
    function: Function
    arguments: tuple[Program, ...]

    def result(self, inputs: Inputs) -> Any:
        """Raise `NullGiven` for null, unless the function can make something of it."""
        values = [plain(each.run(inputs)) for each in self.arguments]
        source = self.arguments[0].text.strip()
        if values[0] is None and self.function.takes[0] != "any":
            raise NullGiven(f"{source} is null", located=True)
        try:
            return self.function.apply(*values)
        except ValueError as error:
            raise RuleFailed(f"{self.call.name}({source}): {error}") from error


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled rule: what the engine runs, and the calls whose results it is given."""

    text: str
    code: Any
    calls: tuple[Called, ...]
    activate: Callable[[Mapping[str, Any]], Any]

    def told(self, inputs: Inputs) -> bool | None:
        """Return what a condition gives, None where `run` has to say what went wrong.

        Asking a result for its type costs as much as the rule: whatever is no truth value is left
        to that. A condition is known at load to give one, or an error, never a null.
        """
        if self.calls:
            return None
        try:
            value = self.code.eval(inputs.activation).value()
        except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError):
            return None
        return value if value is True or value is False else None

    def run(self, inputs: Inputs) -> Any:
        """Return the engine's value; raise `RuleFailed` in words that repeat no input."""
        failed: dict[str, RuleFailed] = {}
        activation = self._called(inputs, failed) if self.calls else inputs.activation
        try:
            result = self.code.eval(activation)
        except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
            raise self._failure(str(error).partition(": ")[2] or str(error), inputs) from error
        if result.type() != cel.Type.ERROR:
            return result
        reason = str(plain(result)).partition(": ")[2]
        slot = _NO_SLOT.search(reason)
        raise failed.get(slot["slot"] if slot else "") or self._failure(reason, inputs)

    def null(self, inputs: Inputs) -> RuleFailed | None:
        """Return which path gave the null that must not be, if one did."""
        for dead in rule_text.dead_paths(self.text, _nested(inputs.data)):
            return RuleFailed(f"{dead.path} {dead.says}", located=True)
        return None

    def _called(self, inputs: Inputs, failed: dict[str, RuleFailed]) -> Any:
        """Call first what the rule may need; a call that fails matters only if it is needed."""
        results: dict[str, Any] = {}
        for each in self.calls:
            try:
                results[each.slot] = each.result(inputs)
            except RuleFailed as error:
                failed[each.slot] = error
        return self.activate({**inputs.data, **results})

    def _failure(self, reason: str, inputs: Inputs) -> RuleFailed:
        missing = _NO_KEY.search(reason)
        for dead in rule_text.dead_paths(self.text, _nested(inputs.data)):
            if dead.key == missing["key"] if missing else _explains(dead, reason):
                return RuleFailed(f"{dead.path} {dead.says}", located=True)
        if missing:
            return RuleFailed(f"a key that it looks up is absent: {self.text}")
        if unset := _NO_VALUE.search(reason):
            return RuleFailed(f"{unset['name']} is absent", located=True)
        if "to Timestamp conversion failed" in reason:
            return RuleFailed("not a time with a zone, such as 2026-01-31T09:30:00Z")
        said = " ".join(_QUOTED.sub("…", reason.partition(" [")[0]).split())
        if said.startswith("invalid regular expression"):
            said = "not a pattern"
        said = next((better for bad, better in _SAID_BETTER.items() if _begins(said, bad)), said)
        return RuleFailed(f"{said[:200]}: {self.text}")


def _begins(said: str, words: str) -> bool:
    return said.startswith(words) and not said[len(words) :][:1].isalpha()


def _explains(dead: rule_text.Dead, reason: str) -> bool:
    """Whether a path that leads nowhere is what the engine ran into."""
    if "Index error" in reason:
        return dead.key is not None and dead.key.isdigit()
    return dead.key is None and ("SELECT" in reason or "null_type" in reason)


def _nested(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs by their first names, as paths in rules go through them."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        first, _, rest = name.partition(".")
        if rest:
            found.setdefault(first, {})[rest] = value
        else:
            found[first] = value
    return found


def slots(name: str) -> list[str]:
    # No longer than the shortest call, so that columns stay what they are.
    return [f"_{name}{number}" for number in range(1, MOST_CALLS + 1)]


def with_slots(text: str, calls: tuple[Called, ...]) -> str:
    for each in reversed(calls):
        width = each.call.end - each.call.start
        text = text[: each.call.start] + each.slot.ljust(width) + text[each.call.end :]
    return text


def plain(result: Any) -> Any:
    """Return the Python value without ever asking the library for a null.

    It hands out None without counting the reference: after some thousand of them Python takes its
    own None for garbage, which ends the process.
    """
    if result.type() == cel.Type.NULL:
        return None
    try:
        value = result.value()
    except TypeError as error:
        raise RuleFailed("gave a value that may be absent, end it with .orValue(...)") from error
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
