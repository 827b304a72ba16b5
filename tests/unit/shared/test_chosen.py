"""What was answered beside score and comment, also where a tool wrote it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.cases import CaseScore, chosen

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=10) | st.dictionaries(st.text(max_size=5), inner),
)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, ((), None, False)),
        ({"reasons": ["slow"], "effort": 1, "contact_wanted": True}, (("slow",), 1, True)),
        ({"reasons": "slow", "effort": 6, "contact_wanted": "yes"}, ((), None, False)),
        ({"reasons": ["", 3, "x" * 200], "effort": True}, (("x" * 128,), None, False)),
        ({"reasons": list("abcdefghij"), "effort": 0}, (tuple("abcdefgh"), None, False)),
        ({"effort": 5}, ((), 5, False)),
    ],
)
def test_only_what_is_understood_is_taken(answers: dict[str, Any], expected: object) -> None:
    assert tuple(chosen(answers).values()) == expected


@given(st.fixed_dictionaries({"reasons": JSON, "effort": JSON, "contact_wanted": JSON}))
def test_whatever_a_tool_sends_fits_a_case(answers: dict[str, Any]) -> None:
    facts = {"response_id": "r", "metric": "nps", "survey": "s", "score": 1, "band": "low"}
    score = {**facts, "channel": "tool", "received_at": "2026-03-02T08:00:00Z", **chosen(answers)}
    assert CaseScore.model_validate(score, strict=False)
