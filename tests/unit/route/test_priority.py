"""How urgent a low score is: by the first rule that matches, whoever owns it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.route.decide import assign
from services.route.decide.routing import keywords
from services.route.model import Assigned
from tests.unit.route.catalogs import catalog, response

WORDS = {"leaving": ("cancel",), "legal": ("lawyer", "Anwalt"), "complaint": ("投诉",)}
LEGAL = '"legal" in response.keywords'
AGAIN = "response.low_scores >= 2"
BROKEN = 'response.attributes.owner == "PR"'


def _found(*rules: dict[str, Any], low_scores: int = 1, **said: Any) -> Assigned:
    tree = {"team": "care", "priority": "low", "priorities": list(rules), "keywords": WORDS}
    billing = {"when": 'response.touchpoint == "first-bill"', "team": "billing"}
    root = catalog({**tree, "routes": [billing]}).routing
    return assign(response(**said), root, low_scores)


@pytest.mark.parametrize(
    ("rule", "said", "low_scores"),
    [
        (LEGAL, {"comment": "My LAWYER will write to you."}, 1),
        ('"complaint" in response.keywords', {"comment": "我要投诉你们"}, 1),
        (AGAIN, {}, 2),
        ("response.value >= 5000.0", {"attributes": {"value": 5000}}, 1),
        ("response.value >= 5000.0", {"attributes": {"value": "6000.50"}}, 1),
        ('response.segment == "business"', {"attributes": {"segment": "business"}}, 1),
        ('response.region == "north"', {"attributes": {"region": "north"}}, 1),
        ('response.product == "fibre"', {"attribution": {"product": "fibre"}}, 1),
        ('response.root_cause == "late"', {"answers": {"root_cause": "late"}}, 1),
        ('response.stage == "use"', {"attribution": {"stage": "use"}}, 1),
        ('response.language == "zh"', {"language": "zh"}, 1),
    ],
)
def test_a_rule_makes_it_urgent(rule: str, said: dict[str, Any], low_scores: int) -> None:
    found = _found({"when": rule, "priority": "high"}, low_scores=low_scores, **said)

    assert (found.team, found.priority) == ("billing", "high")
    assert found.path[-1] == f"priority 1: {rule}"
    assert _found({"when": rule, "priority": "high"}).priority == "low"


def test_the_first_rule_that_matches_decides() -> None:
    first, second = {"when": AGAIN, "priority": "normal"}, {"when": "true", "priority": "high"}

    assert _found(first, second, low_scores=3).priority == "normal"
    assert _found(first, second).priority == "high"


def test_a_rule_that_fails_leaves_the_owner_and_makes_it_urgent() -> None:
    found = _found({"when": BROKEN, "priority": "low"}, {"when": "true", "priority": "low"})

    assert (found.team, found.priority, found.reason) == ("billing", "high", "rule_matched")
    assert found.error


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (None, []),
        ("I will cancel", ["leaving"]),
        ("Cancellation, please", ["leaving"]),
        ("uncancelled", []),
        ("ask my anwalt, or I cancel", ["leaving", "legal"]),
        ("投诉!", ["complaint"]),
        ("x" * 30_000 + " lawyer", []),
    ],
)
def test_keywords_are_beginnings_of_words_in_any_case(
    comment: str | None, expected: list[str]
) -> None:
    assert keywords(comment, WORDS) == expected


@given(st.text(), st.lists(st.text(min_size=1), min_size=1))
def test_no_word_and_no_comment_breaks_the_search(comment: str, words: list[str]) -> None:
    assert keywords(comment, {"some": words}) in ([], ["some"])
