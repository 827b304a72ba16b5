"""Nulls in rules are counted: a library that forgets to would end the process in time."""

from __future__ import annotations

import sys

import pytest

from shared.rules import Rules

REPEATS = 5_000
BODY = {"absent": None, "list": [None, {"inner": None}], "text": "a"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("body.absent", id="a null field"),
        pytest.param("null", id="a null literal"),
        pytest.param("body", id="nulls inside a map"),
        pytest.param("body.list", id="nulls inside a list"),
    ],
)
def test_nulls_that_rules_give_are_counted_by_python(text: str) -> None:
    expression = Rules({"body": "dyn"}).expression(text, optional=True)
    before = sys.getrefcount(None)
    for _ in range(REPEATS):
        expression.value({"body": BODY})
    assert sys.getrefcount(None) > before - REPEATS // 2
