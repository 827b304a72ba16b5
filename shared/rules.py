"""The expression engine: CEL, compiled once at load, type-checked, bounded, and never guessing.

Two traps of the library are closed here and nowhere else: it returns errors instead of raising
them (and their plain value is a truthy text), and it leaves nested loops to the author's good will.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from cel_expr_python import cel

from shared.errors import TouchbackError

VarType = Literal["string", "int", "double", "bool", "timestamp", "map", "texts", "dyn"]
"""`map` is text -> anything, `texts` is text -> text, `dyn` is checked at run time only."""

Expects = Literal["string", "int", "double", "bool", "timestamp", "json"]
"""What an expression must give; `json` is any value that can travel in a message."""

MAX_RULE_BYTES = 1024
MAX_INPUT_BYTES = 8 * 1024

_CEL_TYPES: Mapping[str, cel.Type] = {
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "bool": cel.Type.BOOL,
    "timestamp": cel.Type.TIMESTAMP,
    "map": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "texts": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "dyn": cel.Type.DYN,
}
_NAMES = {
    "STRING": "a text",
    "INT": "a whole number",
    "UINT": "a whole number",
    "DOUBLE": "a number",
    "BOOL": "true or false",
    "TIMESTAMP": "a time",
    "NULL": "null",
    "LIST": "a list",
    "MAP": "a map",
}
_ABSENT: Mapping[str, Any] = {"string": "", "map": {}, "texts": {}, "dyn": None}
_WRAPPED = re.compile(r"<input>:(?P<line>\d+):(?P<column>\d+): (?P<message>[^\n]*)")
_UNDECLARED = re.compile(r"undeclared reference to '(?P<name>[^']+)'.*")
_TOKENS = re.compile(
    r"""(?P<text>
          [bB]?[rR](?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
        | [bB]?(?:\"{3}(?:\\.|.)*?\"{3}|'{3}(?:\\.|.)*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
        | //[^\n]*)
      | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
      | (?P<sign>[().])""",
    re.VERBOSE | re.DOTALL,
)
_LOOPS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})


class RuleError(TouchbackError):
    """An expression is wrong, or went wrong."""


class InvalidRule(RuleError):
    """An expression does not compile, or gives the wrong type; `column` counts from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column
        self.message = message


class RuleFailed(RuleError):
    """An expression failed at run time: the caller does the safe thing and counts it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs that were checked and prepared once, for any number of rules over the same ones."""

    activation: Any


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled rule that is true or false."""

    text: str
    _rules: Rules = field(repr=False, compare=False)
    _program: Any = field(repr=False, compare=False)

    def holds(self, inputs: Mapping[str, Any] | Inputs) -> bool:
        """Raise `RuleFailed` when the rule cannot be answered: an error is never "false"."""
        result = _run(self._program, self._rules.ready(inputs))
        if result.type() == cel.Type.BOOL:
            return result.value() is True
        raise RuleFailed(f"gave {_kind(result)}, a condition must give true or false: {self.text}")


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled rule that gives a value; an `optional` one may give None."""

    text: str
    expects: Expects
    optional: bool
    _rules: Rules = field(repr=False, compare=False)
    _program: Any = field(repr=False, compare=False)

    def value(self, inputs: Mapping[str, Any] | Inputs) -> Any:
        """Return a Python value (times are aware, in UTC); raise `RuleFailed` if there is none."""
        result = _run(self._program, self._rules.ready(inputs))
        value = _plain(result)
        if value is None and (self.optional or self.expects == "json"):
            return None
        if self.expects == "json":
            return _json(value, self.text)
        if result.type() != _CEL_TYPES[self.expects]:
            raise RuleFailed(
                f"gave {_kind(result)}, expected {_expected(self.expects)}: {self.text}"
            )
        return value

    def constant(self) -> Any:
        """Return the value of an expression that needs no inputs, None for any other."""
        result = self._program.eval(data={})
        return None if result.type() == cel.Type.ERROR else _plain(result)


class Rules:
    """Compiles rules over one fixed set of variables.

    A name may be dotted (`signal.attributes`): inputs are then nested mappings, and an unknown
    field is found at load. An absent text is `""`, an absent map is empty; other absent inputs
    fail the rule.
    """

    def __init__(
        self, variables: Mapping[str, VarType], *, max_input_bytes: int = MAX_INPUT_BYTES
    ) -> None:
        self.variables = dict(variables)
        self._max_input_bytes = max_input_bytes
        self._paths = tuple((name, name.split("."), kind) for name, kind in variables.items())
        self._environment = cel.NewEnv(variables={n: _CEL_TYPES[k] for n, k in variables.items()})

    def condition(self, text: str) -> Condition:
        """Raise `InvalidRule` unless the rule is sure to give true or false."""
        return Condition(text, self, self._compile(text, cel.Type.BOOL, "a condition"))

    def expression(
        self, text: str, expects: Expects = "json", *, optional: bool = False
    ) -> Expression:
        """Raise `InvalidRule` when the rule cannot give what is expected."""
        wanted = cel.Type.DYN if expects == "json" else _CEL_TYPES[expects]
        program = self._compile(text, wanted, "this expression")
        return Expression(text, expects, optional, self, program)

    def bind(self, inputs: Mapping[str, Any], *, size: int | None = None) -> Inputs:
        """Check and prepare inputs once; `size` spares the measuring where the bytes are known."""
        data = {name: _pick(inputs, path, kind) for name, path, kind in self._paths}
        measured = size if size is not None else _measure(data)
        if measured > self._max_input_bytes:
            raise RuleFailed(
                f"inputs of {measured} bytes: a rule takes at most {self._max_input_bytes}"
            )
        return Inputs(self._environment.Activation(data))

    def ready(self, inputs: Mapping[str, Any] | Inputs) -> Inputs:
        """Return inputs as they are when they are prepared, else prepare them."""
        return inputs if isinstance(inputs, Inputs) else self.bind(inputs)

    def _compile(self, text: str, wanted: cel.Type, what: str) -> Any:
        _check_size(text)
        _check_shape(text, self.variables)
        try:
            program = self._environment.compile(text)
        except RuntimeError as error:
            raise _readable(str(error), self.variables) from error
        given = program.return_type()
        fits = given == wanted or wanted == cel.Type.DYN
        late = given == cel.Type.DYN and wanted != cel.Type.BOOL
        if not (fits or late):
            raise InvalidRule(
                1, f"gives {_name(given)}, {what} must give {_name(wanted)}{_advice(wanted)}"
            )
        return program


def _plain(result: Any) -> Any:
    """Return the Python value without ever asking the library for a null.

    It hands out None without counting the reference: after some thousand of them Python takes its
    own None for garbage, which ends the process.
    """
    if result.type() == cel.Type.NULL:
        return None
    value = result.value()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _run(program: Any, inputs: Inputs) -> Any:
    try:
        result = program.eval(inputs.activation)
    except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise RuleFailed(f"cannot be evaluated: {error}") from error
    if result.type() == cel.Type.ERROR:
        raise RuleFailed(str(_plain(result)).partition(": ")[2])
    return result


def _pick(inputs: Mapping[str, Any], path: list[str], kind: VarType) -> Any:
    value: Any = inputs
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is None:
        if kind not in _ABSENT:
            raise RuleFailed(f"`{'.'.join(path)}` is missing")
        return _ABSENT[kind]
    if kind == "timestamp" and (not isinstance(value, datetime) or value.tzinfo is None):
        raise RuleFailed(f"`{'.'.join(path)}` must be a time with a zone")
    return _travelled(value) if kind in ("map", "dyn") else value


def _travelled(value: Any) -> Any:
    """Return a value as it would look after a journey over a topic: nested times become texts."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        if any(isinstance(item, (datetime, Mapping, list, tuple)) for item in value.values()):
            return {key: _travelled(item) for key, item in value.items()}
        return value
    if isinstance(value, (list, tuple)):
        return [_travelled(item) for item in value]
    return value


def _measure(data: Mapping[str, Any]) -> int:
    try:
        return len(json.dumps(data, ensure_ascii=False, default=str).encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise RuleFailed(f"inputs are not plain data: {error}") from error


def _json(value: Any, text: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        raise RuleFailed(f"gave {value}, which cannot travel in a message: {text}")
    if value is None or isinstance(value, (str, int, float, bool, list, dict)):
        return value
    raise RuleFailed(f"gave {type(value).__name__}, which cannot travel in a message: {text}")


def _check_size(text: str) -> None:
    size = len(text.encode(errors="replace"))
    if not text.strip():
        raise InvalidRule(1, "empty, write an expression or leave the field out")
    if size > MAX_RULE_BYTES:
        raise InvalidRule(1, f"{size} bytes long, a rule has at most {MAX_RULE_BYTES}")


def _check_shape(text: str, variables: Mapping[str, VarType]) -> None:
    """Refuse loops inside loops, and `has()` on a variable, which the library misreads."""
    tokens = [(m.group(), m.start() + 1) for m in _TOKENS.finditer(text) if not m.group("text")]
    loops: list[bool] = []
    for index, (token, column) in enumerate(tokens):
        if token == "(":
            loop = index > 1 and tokens[index - 1][0] in _LOOPS and tokens[index - 2][0] == "."
            if loop and any(loops):
                raise InvalidRule(column, "a loop inside a loop, which can grow without bound")
            loops.append(loop)
            _check_has(tokens, index, variables)
        elif token == ")" and loops:
            loops.pop()


def _check_has(tokens: list[tuple[str, int]], index: int, variables: Mapping[str, VarType]) -> None:
    if index == 0 or tokens[index - 1][0] != "has":
        return
    words = [token for token, _ in tokens[index + 1 :]]
    name = "".join(words[: words.index(")")]) if ")" in words else ""
    if name in variables:
        raise InvalidRule(
            tokens[index - 1][1], f'`{name}` is always there, compare it instead: {name} != ""'
        )


def _readable(error: str, variables: Mapping[str, VarType]) -> InvalidRule:
    found = _WRAPPED.search(error)
    if found is None:
        return InvalidRule(1, error.partition("\n")[0])
    message = found["message"].removesuffix(" [INVALID_ARGUMENT]")
    message, _, _ = message.partition(" expecting {")
    undeclared = _UNDECLARED.fullmatch(message)
    if undeclared:
        message = _unknown_name(undeclared["name"], variables)
    return InvalidRule(int(found["column"]), message)


def _unknown_name(name: str, variables: Mapping[str, VarType]) -> str:
    close = difflib.get_close_matches(name, variables, n=1)
    hint = f"did you mean `{close[0]}`" if close else f"known are {', '.join(variables)}"
    return f"`{name}` is not known here, {hint}"


def _name(kind: cel.Type) -> str:
    name = str(kind)
    return _NAMES.get(name.partition("<")[0], "a value known only at run time")


def _kind(result: Any) -> str:
    return _name(result.type())


def _expected(expects: Expects) -> str:
    wanted = _CEL_TYPES[expects]
    return f"{_name(wanted)}{_advice(wanted)}"


def _advice(wanted: cel.Type) -> str:
    if wanted == cel.Type.BOOL:
        return ", for example by a comparison"
    casts = {"STRING": "string", "INT": "int", "DOUBLE": "double", "TIMESTAMP": "timestamp"}
    cast = casts.get(str(wanted))
    return f", wrap it in {cast}(...)" if cast else ""
