"""How rules go wrong: at load, or at run time."""

from __future__ import annotations

from shared.errors import TouchbackError


class RuleError(TouchbackError):
    """An expression is wrong, or went wrong."""


class InvalidRule(RuleError):
    """An expression does not compile, or gives the wrong type; `column` counts from 1."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column
        self.message = message


class RuleFailed(RuleError):
    """An expression failed at run time: the caller does the safe thing and counts it.

    `located` when the reason itself names the path at fault, such as `body.customer is absent`.
    """

    def __init__(self, reason: str, *, located: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.located = located


class NullGiven(RuleFailed):
    """A function was given null, which makes the whole rule null, where that is allowed."""
