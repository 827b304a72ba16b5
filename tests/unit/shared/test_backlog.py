"""Since when a topic waits, from what little can be known of records that were not fetched."""

from __future__ import annotations

from shared.backlog import Backlog

ONE, TWO = ("orders", 0), ("orders", 1)


def test_nothing_waits_and_nothing_is_old() -> None:
    backlog = Backlog()
    backlog.look({ONE: 0}, 100.0)
    assert backlog.messages() == {"orders": 0}
    assert backlog.oldest() == {}


def test_what_came_to_an_empty_topic_is_no_older_than_the_last_look() -> None:
    backlog = Backlog()
    backlog.look({ONE: 0}, 100.0)
    backlog.look({ONE: 3}, 101.0)
    backlog.look({ONE: 9}, 160.0)
    assert backlog.oldest() == {"orders": 100.0}


def test_a_record_after_one_of_long_ago_is_as_old_as_that_one_at_most() -> None:
    backlog = Backlog()
    backlog.took(ONE, 50.0)
    backlog.look({ONE: 7}, 200.0)
    backlog.took(ONE, 60.0)
    backlog.look({ONE: 6}, 201.0)
    assert backlog.oldest() == {"orders": 60.0}


def test_the_partition_that_waits_longest_speaks_for_the_topic() -> None:
    backlog = Backlog()
    backlog.took(ONE, 10.0)
    backlog.took(TWO, 20.0)
    backlog.look({ONE: 1, TWO: 4}, 30.0)
    assert backlog.oldest() == {"orders": 10.0}
    assert backlog.messages() == {"orders": 5}


def test_a_partition_that_moved_away_is_no_longer_ours_to_speak_of() -> None:
    backlog = Backlog()
    backlog.look({ONE: 5}, 10.0)
    backlog.look({}, 11.0)
    assert (backlog.messages(), backlog.oldest()) == ({}, {})
