"""The routing tree: who owns a low score."""

from __future__ import annotations

from typing import Any

import pytest

from services.route.decide import assign
from services.route.policy import COMMENT_IN_RULES
from tests.unit.route.catalogs import catalog, response

BILL = 'response.touchpoint == "first-bill"'
OTHER = 'response.touchpoint == "delivered"'
WORST = "response.score <= 2"
BROKEN = 'response.attributes.owner == "PR"'


def _tree(*routes: dict[str, Any], **root: Any) -> Any:
    return catalog({"team": "care", "routes": list(routes), **root}).routing


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        pytest.param([], ("care", "normal", ("root",)), id="an empty tree: the fallback team"),
        pytest.param(
            [{"when": OTHER, "team": "delivery"}],
            ("care", "normal", ("root",)),
            id="nothing matches: the fallback team",
        ),
        pytest.param(
            [{"when": BILL, "team": "billing"}, {"when": WORST, "team": "delivery"}],
            ("billing", "normal", ("root", f"1: {BILL}")),
            id="the first match wins",
        ),
        pytest.param(
            [{"team": "billing"}],
            ("billing", "normal", ("root", "1")),
            id="a route without a condition matches",
        ),
        pytest.param(
            [{"when": BILL, "team": "billing", "routes": [{"when": WORST, "priority": "high"}]}],
            ("billing", "high", ("root", f"1: {BILL}", f"1.1: {WORST}")),
            id="a child inherits the team and sets the priority",
        ),
        pytest.param(
            [{"when": BILL, "team": "billing", "routes": [{"when": OTHER, "team": "delivery"}]}],
            ("billing", "normal", ("root", f"1: {BILL}")),
            id="without a matching child the parent matches itself",
        ),
        pytest.param(
            [
                {"when": WORST, "priority": "high", "continue": True},
                {"when": BILL, "team": "billing"},
            ],
            ("billing", "high", ("root", f"1: {WORST}", f"2: {BILL}")),
            id="continue hands its priority on",
        ),
        pytest.param(
            [
                {"when": WORST, "priority": "high", "continue": True},
                {"when": OTHER, "team": "delivery"},
            ],
            ("care", "high", ("root", f"1: {WORST}")),
            id="continue matches itself when nothing after it does",
        ),
    ],
)
def test_the_tree_finds_the_owner(
    routes: list[dict[str, Any]], expected: tuple[str, str, tuple[str, ...]]
) -> None:
    found = assign(response(), _tree(*routes))

    assert (found.team, found.priority, found.path) == expected
    assert found.reason == ("no_rule_matched" if found.path == ("root",) else "rule_matched")


def test_a_rule_that_fails_sends_the_score_to_the_fallback_team() -> None:
    tree = _tree({"when": BROKEN, "team": "delivery"}, {"when": BILL, "team": "billing"})

    found = assign(response(), tree)

    assert (found.team, found.reason, found.path) == ("care", "rule_error", ("root",))
    assert found.error


def test_a_rule_behind_the_match_is_not_run() -> None:
    tree = _tree({"when": BILL, "team": "billing"}, {"when": BROKEN, "team": "delivery"})

    assert assign(response(), tree).team == "billing"


def test_the_root_sets_the_priority_of_those_below() -> None:
    tree = _tree({"when": BILL, "team": "billing"}, priority="low")

    assert assign(response(), tree).priority == "low"


@pytest.mark.parametrize("length", [COMMENT_IN_RULES, COMMENT_IN_RULES + 1, 100_000])
def test_a_long_comment_costs_nobody_the_owner(length: int) -> None:
    tree = _tree({"when": BILL, "team": "billing"})

    found = assign(response(comment="差" * length), tree)

    assert (found.team, found.reason) == ("billing", "rule_matched")


@pytest.mark.parametrize(
    "sign", ["差", "😡", '"', "\x01"], ids=["Han", "emoji", "quote", "control"]
)
def test_the_bytes_of_a_comment_do_not_count_against_the_limit_of_rules(sign: str) -> None:
    rule = f"{BILL} && size(response.comment) == {COMMENT_IN_RULES}"
    tree = _tree({"when": rule, "team": "billing"})

    found = assign(response(comment=sign * 9000, attributes={"note": "x" * 5000}), tree)

    assert (found.team, found.reason) == ("billing", "rule_matched")


def test_inputs_too_large_without_the_comment_still_go_to_the_fallback_team() -> None:
    tree = _tree({"when": BILL, "team": "billing"})

    found = assign(response(attributes={"note": "x" * 9000}), tree)

    assert (found.team, found.reason) == ("care", "rule_error")


def test_attribution_and_attributes_can_be_asked_for() -> None:
    rule = 'response.attribution.team == "leads" && response.attributes.region == "north"'
    tree = _tree({"when": rule, "team": "delivery"})
    said = response(attribution={"team": "leads"}, attributes={"region": "north"})

    assert assign(said, tree).team == "delivery"
