"""Labels stay few, whatever a catalog or a stranger makes up."""

from __future__ import annotations

from shared.labels import MOST, Few, bounded

TEAMS = tuple((f"team-{n:02}", "high") for n in range(MOST["team"] + 2))
NAMES = ("team", "priority")


def test_what_is_configured_shows_as_zero() -> None:
    assert bounded(NAMES, TEAMS[:2], {}) == {TEAMS[0]: 0.0, TEAMS[1]: 0.0}


def test_what_is_too_much_is_one_sum() -> None:
    counts = dict.fromkeys(TEAMS, 3.0)
    found = bounded(NAMES, TEAMS, counts)
    assert found["other", "high"] == 6.0
    assert found[TEAMS[0]] == 3.0
    assert len(found) == MOST["team"] + 1


def test_what_left_the_catalog_keeps_its_name_while_there_is_room() -> None:
    assert bounded(NAMES, TEAMS[:1], {("gone", "low"): 2.0})["gone", "low"] == 2.0


def test_the_configured_come_before_those_who_left() -> None:
    found = bounded(NAMES, TEAMS[: MOST["team"]], {("aaa-gone", "low"): 2.0})
    assert found["other", "low"] == 2.0
    assert set(TEAMS[: MOST["team"]]) < set(found)


def test_a_closed_list_is_left_alone() -> None:
    assert bounded(("outcome",), (), {(str(n),): 1.0 for n in range(99)}).keys() == {
        (str(n),) for n in range(99)
    }


def test_the_first_names_pass_and_later_ones_are_others() -> None:
    few = Few("topic")
    names = [f"topic-{n}" for n in range(MOST["topic"])]
    assert [few(each) for each in names] == names
    assert few("one-more") == "other"
    assert few(names[0]) == names[0]
