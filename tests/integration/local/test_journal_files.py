"""What the broker's journal makes of its files, without a broker."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from services.local import journal

P0, P1 = TopicPartition("cases", 0), TopicPartition("cases", 1)


def line(partition: int, value: str) -> journal.Line:
    return {
        "topic": "cases",
        "partition": partition,
        "time": 1,
        "key": None,
        "value": value,
        "headers": [],
    }


def stored(folder: Path, records: list[journal.Line], offset: int) -> None:
    kept = journal.Kept(topics={"cases": 2}, offsets={"close": {P0: offset}})
    for record in records:
        kept.records.setdefault(TopicPartition("cases", record["partition"]), deque()).append(
            record
        )
    journal.write(folder, kept)


def values(kept: journal.Kept, where: TopicPartition) -> list[str]:
    return [record["value"] for record in kept.records[where]]


def test_an_empty_folder_is_an_empty_broker(tmp_path: Path) -> None:
    assert journal.read(tmp_path) == journal.Kept()


def test_what_was_written_is_read_back_in_the_order_of_each_partition(tmp_path: Path) -> None:
    stored(tmp_path, [line(0, "a"), line(1, "x"), line(0, "b")], offset=1)

    kept = journal.read(tmp_path)

    assert kept.topics == {"cases": 2}
    assert values(kept, P0) == ["a", "b"]
    assert values(kept, P1) == ["x"]
    assert kept.offsets == {"close": {P0: 1}}


def test_a_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    stored(tmp_path, [line(0, "a")], offset=1)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"topic":"cases","partition":0,"val')

    assert values(journal.read(tmp_path), P0) == ["a"]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        pytest.param(0, 0, id="nothing read: from the oldest kept"),
        pytest.param(1, 0, id="next was among the dropped"),
        pytest.param(2, 0, id="next is the oldest kept"),
        pytest.param(3, 1, id="in the middle"),
        pytest.param(4, 2, id="all read"),
        pytest.param(9, 2, id="beyond the end of the log"),
    ],
)
def test_offsets_follow_their_record_when_old_ones_are_dropped(
    tmp_path: Path, offset: int, expected: int
) -> None:
    stored(tmp_path, [line(0, value) for value in "abcd"], offset)

    kept = journal.read(tmp_path, keep=2)

    assert values(kept, P0) == ["c", "d"]
    assert kept.offsets == {"close": {P0: expected}}
