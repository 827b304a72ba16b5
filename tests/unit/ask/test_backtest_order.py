"""A backtest takes its input in any order and at any length, and holds little of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ask.backtest.figures import plain, run
from services.ask.backtest.inputs import Input, read_file
from services.ask.backtest.life import REACHABLE, Life
from services.ask.backtest.said import from_line
from services.ask.backtest.spool import Spool
from services.ask.decide.memory import Lately
from shared.errors import InvalidSettings
from tests.support.clock import START
from tests.unit.ask.moments import NAMES, a_catalog, hours
from tests.unit.ask.test_backtest import an_event

EVERYTHING = frozenset(NAMES)


def spooled(times: Sequence[int], piece: int) -> Spool:
    spool = Spool(EVERYTHING, piece)
    for number, at in enumerate(times):
        line = json.dumps(an_event(f"e{number}", at=at)).encode()
        spool.add(START + hours(at), line)
    return spool


def order_of(spool: Spool) -> list[str]:
    return [said.signal.source_event_id for said in spool.in_order() if said.signal]


@given(times=st.lists(st.integers(0, 9), max_size=30), piece=st.integers(1, 40))
def test_lines_come_in_the_order_of_time_and_of_the_input_however_they_are_cut(
    times: Sequence[int], piece: int
) -> None:
    spool = spooled(times, piece)
    expected = [f"e{n}" for n, _ in sorted(enumerate(times), key=lambda pair: pair[1])]
    assert order_of(spool) == expected
    assert order_of(spool) == expected, "as often as wanted"
    ends = (START + hours(min(times)), START + hours(max(times))) if times else (None, None)
    assert (spool.first, spool.last, spool.count) == (*ends, len(times))
    spool.close()


def test_input_that_is_in_order_makes_one_run_on_disk() -> None:
    spool = spooled(range(10), 3)
    assert len(spool._runs) == 1  # noqa: SLF001  (a file each would run out of them)
    spool.close()


def test_a_line_without_an_end_is_still_one_line() -> None:
    spool = spooled([1, 2, 0], 1)
    assert order_of(spool) == ["e2", "e0", "e1"]
    spool.close()


def test_a_full_disk_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("services.ask.backtest.spool.TemporaryFile", full)
    with pytest.raises(InvalidSettings, match="No space left on device; should have room"):
        spooled([1, 2], 2)


def test_a_file_that_is_not_sorted_gives_what_the_sorted_one_gives(tmp_path: Path) -> None:
    events = [an_event(f"e{n}", at=7 * n % 50, customer_id=f"c{n % 3}") for n in range(50)]
    figures = []
    for number, lines in enumerate((events, sorted(events, key=lambda e: e["occurred_at"]))):
        file = tmp_path / f"{number}.jsonl"
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
        input = Input(EVERYTHING, pytest.fail)
        read_file(str(file), input)
        figures.append(plain(run(a_catalog(), input.in_order(), REACHABLE)))
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("after", "new"),
    [
        pytest.param(hours(1), False, id="at once"),
        pytest.param(hours(24), False, id="exactly the span later"),
        pytest.param(hours(48), True, id="two spans later"),
    ],
)
def test_what_was_met_lately_is_known_for_the_span_at_least(after: timedelta, new: bool) -> None:
    lately = Lately(hours(24))
    assert lately.meets("it", START)
    assert lately.meets("it", START + after) is new


def test_without_a_span_nothing_is_forgotten() -> None:
    lately = Lately()
    assert lately.meets("it", START)
    assert not lately.meets("it", START + hours(10**6))


def test_what_is_kept_of_a_customer_does_not_grow_with_their_events() -> None:
    life = Life(a_catalog(), lambda verdict, now: None, REACHABLE)
    for number in range(500):
        line = json.dumps(an_event(f"e{number}", at=24 * number)).encode()
        said = from_line(line, EVERYTHING)
        assert said is not None
        life.hear(said)
    person = life._memory.people["c1"]  # noqa: SLF001  (how little is kept is the point)
    assert len(person.seen) < 20
