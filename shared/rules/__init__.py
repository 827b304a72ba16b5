"""The expression engine: CEL, compiled once at load, type-checked, bounded, and never guessing."""

from __future__ import annotations

from shared.rules.engine import (
    MAX_INPUT_BYTES,
    MAX_RULE_BYTES,
    Condition,
    Expects,
    Expression,
    Rules,
    VarType,
)
from shared.rules.errors import InvalidRule, RuleError, RuleFailed
from shared.rules.functions import FUNCTIONS, Function, unscaled
from shared.rules.program import Inputs

__all__ = [
    "FUNCTIONS",
    "MAX_INPUT_BYTES",
    "MAX_RULE_BYTES",
    "Condition",
    "Expects",
    "Expression",
    "Function",
    "Inputs",
    "InvalidRule",
    "RuleError",
    "RuleFailed",
    "Rules",
    "VarType",
    "unscaled",
]
