"""The engine: compiles rules over one set of variables, and checks what goes in and comes out."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from cel_expr_python import cel
from cel_expr_python.ext.ext_math import ExtMath
from cel_expr_python.ext.ext_optional import ExtOptional
from cel_expr_python.ext.ext_strings import ExtStrings
from pydantic_core import to_json

from shared.rules import lookup, shortcut
from shared.rules import text as rule_text
from shared.rules.errors import InvalidRule, NullGiven, RuleFailed
from shared.rules.functions import Function
from shared.rules.lookup import UNTOLD, Lookup
from shared.rules.program import MOST_CALLS, Called, Inputs, Program, plain, slots, with_slots
from shared.rules.shortcut import Shortcut

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
_PLAIN = frozenset({str, int, float, bool, type(None)})
_WALKED = frozenset({"map", "dyn"})
_WRAPPED = re.compile(r"<input>:(?P<line>\d+):(?P<column>\d+): (?P<message>[^\n]*)")
# Of anything that is known at run time only, its type does not tell that it may be absent.
_MAYBE_AT_END = re.compile(r"""\[\?(?:\d+|"[^"\\]*"|'[^'\\]*')\]\s*$""")
_UNDECLARED = re.compile(r"undeclared reference to '(?P<name>[^']+)'.*")
_FITS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"STRING"}),
    "number": frozenset({"STRING", "INT", "UINT", "DOUBLE"}),
}
Paths: TypeAlias = tuple[tuple[str, list[str], VarType], ...]
"""Variables: the name of each, its steps, and what it holds."""

_NO_FUNCTIONS: Mapping[str, Function] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled rule that is true or false."""

    text: str
    reads: Paths = field(repr=False, compare=False)
    _rules: Rules = field(repr=False, compare=False)
    _program: Program = field(repr=False, compare=False)
    _shortcut: Shortcut | None = field(default=None, repr=False, compare=False)

    @property
    def words(self) -> frozenset[str]:
        """The words in it, among which are the variables it reads."""
        return frozenset(token.text for token in rule_text.tokens(self.text))

    def surely_not(self, facts: Mapping[str, Any]) -> bool:
        """Whether one look at inputs that came as JSON, not yet prepared, says it does not hold."""
        return self._shortcut is not None and self._shortcut(facts) is False

    @property
    def glance(self) -> frozenset[shortcut.Path]:
        """The paths that `surely_not` looks at; none where it is blind."""
        return (
            frozenset(path for path, _ in self._shortcut.clauses) if self._shortcut else frozenset()
        )

    def holds(self, inputs: Mapping[str, Any] | Inputs) -> bool:
        """Raise `RuleFailed` when the rule cannot be answered: an error is never "false"."""
        ready = self._rules.ready(inputs)
        if self._shortcut and (told := self._shortcut(ready.data)) is not None:
            return told
        if (told := self._program.told(ready)) is not None:
            return told
        result = self._program.run(ready)
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
    _program: Program = field(repr=False, compare=False)
    _lookup: Lookup | None = field(default=None, repr=False, compare=False)

    def value(self, inputs: Mapping[str, Any] | Inputs) -> Any:
        """Return a Python value (times are aware, in UTC); raise `RuleFailed` if there is none."""
        ready = self._rules.ready(inputs)
        if self._lookup and (told := self._lookup(ready.data)) is not UNTOLD:
            return told.isoformat() if type(told) is datetime and self.expects == "json" else told
        nullable = self.optional or self.expects == "json"
        try:
            result = self._program.run(ready)
        except NullGiven:
            if nullable:
                return None
            raise
        value = plain(result)
        if value is None and nullable:
            return None
        if value is None and (null := self._program.null(ready)):
            raise null
        if self.expects == "json":
            return _json(value, self.text)
        if result.type() != _CEL_TYPES[self.expects]:
            raise RuleFailed(
                f"gave {_kind(result)}, expected {_expected(self.expects)}: {self.text}"
            )
        return value

    def constant(self) -> Any:
        """Return the value of an expression that needs no inputs, None for any other."""
        result = self._program.code.eval(data={})
        return None if result.type() == cel.Type.ERROR else plain(result)


class Rules:
    """Compiles rules over one fixed set of variables.

    A name may be dotted (`signal.attributes`): inputs are then nested mappings, and an unknown
    field is found at load. An absent text is `""`, an absent map is empty; an absent time fails the
    rules that read it, other absent inputs fail all. `functions` are what a rule may call besides
    what CEL has.
    """

    def __init__(
        self,
        variables: Mapping[str, VarType],
        *,
        max_input_bytes: int = MAX_INPUT_BYTES,
        functions: Mapping[str, Function] = _NO_FUNCTIONS,
    ) -> None:
        self.variables = dict(variables)
        self.functions = functions
        self._max_input_bytes = max_input_bytes
        self._paths = tuple((name, name.split("."), kind) for name, kind in variables.items())
        types = {name: _CEL_TYPES[kind] for name, kind in variables.items()}
        for name, function in functions.items():
            types |= dict.fromkeys(slots(name), _CEL_TYPES[function.gives])
        self._environment = cel.NewEnv(
            variables=types, extensions=[ExtOptional(), ExtStrings(), ExtMath()]
        )

    def condition(self, text: str) -> Condition:
        """Raise `InvalidRule` unless the rule is sure to give true or false."""
        _check_size(text)
        program = self._compile(text, cel.Type.BOOL, "a condition")
        words = {token.text for token in rule_text.tokens(text)}
        reads = tuple(path for path in self._paths if words.issuperset(path[1]))
        return Condition(text, reads, self, program, shortcut.of(text, self.variables))

    def expression(
        self, text: str, expects: Expects = "json", *, optional: bool = False
    ) -> Expression:
        """Raise `InvalidRule` when the rule cannot give what is expected."""
        wanted = cel.Type.DYN if expects == "json" else _CEL_TYPES[expects]
        _check_size(text)
        program = self._compile(text, wanted, "this expression")
        nullable = optional or expects == "json"
        told = lookup.of(text, self.variables, self.functions, expects, nullable)
        return Expression(text, expects, optional, self, program, told)

    def bind(
        self,
        inputs: Mapping[str, Any],
        *,
        size: int | None = None,
        travelled: bool = False,
        paths: Paths | None = None,
    ) -> Inputs:
        """Check and prepare inputs once: all of them, or what alone a rule `reads`.

        `size` spares the measuring where the bytes are known, `travelled` a walk through values
        that came as JSON.
        """
        data: dict[str, Any] = {}
        for name, path, kind in self._paths if paths is None else paths:
            value = _pick(inputs, path, kind)
            if not travelled and kind in _WALKED:
                value = _travelled(value)
            if value is not None or kind == "dyn":
                data[name] = value
        measured = size if size is not None else _measure(data)
        if measured > self._max_input_bytes:
            raise RuleFailed(
                f"inputs of {measured} bytes: a rule takes at most {self._max_input_bytes}"
            )
        return Inputs(data, self.activation)

    def ready(self, inputs: Mapping[str, Any] | Inputs) -> Inputs:
        """Return inputs as they are when they are prepared, else prepare them."""
        return inputs if isinstance(inputs, Inputs) else self.bind(inputs)

    def activation(self, data: Mapping[str, Any]) -> Any:
        """Make data known to the engine, which takes out of it what a rule asks for."""
        return self._environment.Activation(data)

    def _compile(self, text: str, wanted: cel.Type, what: str) -> Program:
        try:
            rule_text.check_shape(text, self.variables)
            calls = tuple(self._calls(text))
            bare = with_slots(text, calls)
            given = self._checked(bare).return_type()
            # An optional value leaves the engine as what it holds, or null.
            maybe = _is_optional(given) or _MAYBE_AT_END.search(bare) is not None
            optional = maybe and wanted != cel.Type.BOOL
            rule = f"({bare}\n).optMap(_v, dyn(_v)).orValue(null)" if optional else bare
            program = self._checked(rule_text.null_is_absent(rule))
        except rule_text.Misshapen as error:
            raise InvalidRule(error.column, error.message) from error
        given = program.return_type()
        fits = given == wanted or wanted == cel.Type.DYN
        late = given == cel.Type.DYN and wanted != cel.Type.BOOL
        if not (fits or late):
            raise InvalidRule(
                1, f"gives {_name(given)}, {what} must give {_name(wanted)}{_advice(wanted)}"
            )
        return Program(text, program, calls, self.activation)

    def _checked(self, text: str) -> Any:
        try:
            return self._environment.compile(text)
        except RuntimeError as error:
            known = [*self.variables, *(f"{name}()" for name in self.functions)]
            raise _readable(str(error), known) from error

    def _calls(self, text: str) -> Iterator[Called]:
        used = {name: iter(slots(name)) for name in self.functions}
        for call in rule_text.calls(text, self.functions):
            function = self.functions[call.name]
            slot = next(used[call.name], None)
            if slot is None:
                raise InvalidRule(call.start + 1, f"{call.name}() more than {MOST_CALLS} times")
            if not function.required <= len(call.arguments) <= len(function.takes):
                wanted = ", ".join(function.takes[: function.required])
                raise InvalidRule(call.start + 1, f"{call.name}() takes ({wanted})")
            arguments = tuple(
                self._argument(call.name, kind, at, argument)
                for kind, (at, argument) in zip(function.takes, call.arguments, strict=False)
            )
            yield Called(slot, call, function, arguments)

    def _argument(self, name: str, kind: str, at: int, text: str) -> Program:
        try:
            program = self._compile(text, cel.Type.DYN, "an argument")
        except InvalidRule as error:
            raise InvalidRule(at + error.column, error.message) from error
        given = program.code.return_type()
        if given != cel.Type.DYN and str(given) not in _FITS.get(kind, {str(given)}):
            raise InvalidRule(at + 1, f"{_name(given)}, {name}() takes a {kind} here")
        return program


def _is_optional(kind: cel.Type) -> bool:
    return str(kind).startswith("optional_type")


def _pick(inputs: Mapping[str, Any], path: list[str], kind: VarType) -> Any:
    value: Any = inputs.get(path[0])
    for step in path[1:]:
        value = value.get(step) if isinstance(value, (dict, Mapping)) else None
    if value is None:
        if kind == "timestamp":
            return None
        if kind not in _ABSENT:
            raise RuleFailed(f"`{'.'.join(path)}` is missing")
        return _ABSENT[kind]
    if kind == "timestamp" and (not isinstance(value, datetime) or value.tzinfo is None):
        raise RuleFailed(f"`{'.'.join(path)}` must be a time with a zone")
    return value


def _travelled(value: Any) -> Any:
    """Return a value as it would look after a journey over a topic: nested times become texts."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        if _PLAIN.issuperset(map(type, value.values())):
            return value
        return {key: _travelled(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_travelled(item) for item in value]
    return value


def _measure(data: Mapping[str, Any]) -> int:
    try:
        return len(to_json(data, fallback=str))
    except (ValueError, TypeError, RecursionError) as error:
        raise RuleFailed(f"inputs are not plain data: {error}") from error


def _json(value: Any, text: str) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        raise RuleFailed(f"gave {value}, which cannot travel in a message: {text}")
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, dict)):
        return _travelled(value)
    raise RuleFailed(f"gave {type(value).__name__}, which cannot travel in a message: {text}")


def _check_size(text: str) -> None:
    size = len(text.encode(errors="replace"))
    if not text.strip():
        raise InvalidRule(1, "empty, write an expression or leave the field out")
    if size > MAX_RULE_BYTES:
        raise InvalidRule(1, f"{size} bytes long, a rule has at most {MAX_RULE_BYTES}")


def _readable(error: str, variables: Collection[str]) -> InvalidRule:
    found = _WRAPPED.search(error)
    if found is None:
        return InvalidRule(1, error.partition("\n")[0])
    message = found["message"].removesuffix(" [INVALID_ARGUMENT]")
    message, _, _ = message.partition(" expecting {")
    if "token recognition error" in message:
        message += ', a name of other letters than a-z stands in brackets: body["…"]'
    undeclared = _UNDECLARED.fullmatch(message)
    if undeclared:
        message = _unknown_name(undeclared["name"], variables)
    return InvalidRule(int(found["column"]), message)


def _unknown_name(name: str, variables: Collection[str]) -> str:
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
