"""Playing lines: what is sent, held back, refused, and how far reading runs ahead of Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
import typer
from aiokafka.errors import MessageSizeTooLargeError
from typer.testing import CliRunner

from services.local.play import (
    UNACKNOWLEDGED,
    Pace,
    Report,
    numbered,
    play,
    play_lines,
    source_topic,
    speed_of,
)
from services.local.score import Options
from shared.errors import InvalidSettings

OLIST = Path(__file__).parents[2] / "catalogs" / "olist"


class Producer:
    """Takes everything but bodies over 100 bytes; `behind` is the most that ever waited."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self.behind = 0

    async def send(self, topic: str, *, value: bytes, **more: object) -> asyncio.Future[None]:
        if len(value) > 100:
            raise MessageSizeTooLargeError
        self.values.append(value)
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.behind = max(self.behind, len(self._waiting))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._acknowledge)
        return future

    def _acknowledge(self) -> None:
        for future in self._waiting:
            future.set_result(None)
        self._waiting.clear()


async def lines(*texts: str) -> AsyncIterator[tuple[int, bytes]]:
    for number, text in enumerate(texts, 1):
        yield number, text.encode()


async def played(options: Options, *texts: str) -> tuple[Producer, Report, list[str]]:
    producer, complaints = Producer(), list[str]()
    report = Report(complain=complaints.append)
    await play_lines(producer, lines(*texts), options, report)
    return producer, report, complaints


async def test_bad_lines_are_named_and_all_others_sent() -> None:
    producer, report, complaints = await played(Options("t"), '{"a": 1}', "oops", '{"a": 2}')
    assert producer.values == [b'{"a": 1}', b'{"a": 2}']
    assert (report.sent, report.bad, report.topics) == (2, 1, {"t"})
    assert complaints == ["line 2: not a JSON object: oops"]


async def test_a_line_larger_than_kafka_takes_is_a_bad_line() -> None:
    large = f'{{"a": "{"x" * 100}"}}'
    producer, report, complaints = await played(Options("t"), large, "{}")
    assert (producer.values, report.bad) == ([b"{}"], 1)
    assert complaints == ["line 1: 109 bytes, more than Kafka takes"]


@pytest.mark.parametrize(("limit", "sent"), [(1, 1), (2, 2), (3, 3), (None, 3)])
async def test_no_more_than_the_limit_is_played(limit: int | None, sent: int) -> None:
    producer, report, _ = await played(Options("t", limit=limit), "{}", "{}", "{}")
    assert (len(producer.values), report.sent) == (sent, sent)


async def test_reading_waits_for_kafka_when_it_is_behind() -> None:
    many = ["{}"] * (UNACKNOWLEDGED * 2 + 5)
    producer, report, _ = await played(Options("t"), *many)
    assert report.sent == len(many)
    assert producer.behind <= UNACKNOWLEDGED


def at(minute: int) -> datetime:
    return datetime(2026, 1, 1, 0, minute, tzinfo=UTC)


async def paced(speed: float | None, *moments: datetime | None) -> list[float]:
    waits, seconds = list[float](), [100.0]

    async def sleep(wait: float) -> None:
        waits.append(round(wait, 3))
        seconds[0] += wait

    pace = Pace(speed, sleep, lambda: seconds[0])
    for moment in moments:
        await pace.hold(moment)
    return waits


async def test_gaps_are_as_many_times_shorter_as_the_speed_says() -> None:
    assert await paced(60, at(0), at(1), at(4)) == [1.0, 3.0]


async def test_a_line_from_the_past_goes_at_once() -> None:
    assert await paced(60, at(5), at(3), at(6)) == [1.0]


async def test_at_full_speed_nothing_is_held_back() -> None:
    assert await paced(None, at(0), at(59)) == []


async def test_blank_lines_are_counted_but_not_played() -> None:
    found = [line async for line in numbered(BytesIO(b"{}\n\n  \n[]\n"), at_once=2)]
    assert found == [(1, b"{}\n"), (4, b"[]\n")]


def test_the_topic_is_the_only_one_of_the_catalog() -> None:
    assert source_topic(None, OLIST, envelope=False) == "olist.events"


def test_without_topic_and_catalog_it_is_said_what_is_missing() -> None:
    with pytest.raises(InvalidSettings, match="--topic NAME or --catalog DIR"):
        source_topic(None, None, envelope=False)


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("60", 60.0), ("0.5x", 0.5)])
def test_speeds_as_people_write_them(text: str, speed: float | None) -> None:
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "nan", "inf"])
def test_a_speed_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="--speed"):
        speed_of(text)


def command(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(play)
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output


def test_a_missing_file_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    code, output = command(str(tmp_path / "absent.jsonl"), "--topic", "t")
    assert code == 2
    assert output.endswith("absent.jsonl: cannot read it: No such file or directory\n")


def test_rebasing_to_anything_but_now_is_refused() -> None:
    assert command("-", "--topic", "t", "--rebase", "later") == (
        2,
        "touchback: --rebase: 'later' should be now\n",
    )


def test_an_absent_kafka_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_text("{}\n")
    # Port 9 (discard) of this machine: nothing listens there.
    code, output = command(
        str(tmp_path / "lines.jsonl"), "--topic", "t", "--bootstrap", "127.0.0.1:9"
    )
    assert code == 2
    assert output.startswith("touchback: no Kafka answers at 127.0.0.1:9; start one with ")
    assert output.count("\n") == 1
