"""A topic as input: what stands in it when the backtest begins, as if it stood in a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import Result
from typer.testing import CliRunner

from services.ask.__main__ import app
from shared.contracts.base import Message
from shared.contracts.envelope import Event, encode
from shared.contracts.signals import Answer, Profile, Signal
from tests.support.catalogs import catalog_files, write_catalog
from tests.support.clock import START
from tests.support.topics import create_topics, unique_topic
from tests.unit.ask.moments import FILES, a_profile, a_signal, hours

HOUR = timedelta(hours=1)
Body = Signal | Profile | Answer


def bodies() -> list[Body]:
    """Customers with and without a card, moments, a cancellation and answers, an hour apart."""
    found: list[Body] = [a_profile("token", f"c{n}") for n in range(4)]
    for number in range(40):
        name = ("order.delivered", "order.returned", "order.lost")[number % 3]
        customer, at = f"c{number % 6}", START + hours(number)
        correlation = f"o{number}"
        found.append(
            a_signal(f"e{number}", customer=customer, name=name, at=at, correlation=correlation)
        )
        about = {"source": "tool", "touchpoint": "delivered", "customer_id": customer}
        given = {"answer_id": f"a{number}", "score": 1 + number % 5, "answered_at": at + hours(30)}
        found.append(Answer.model_validate({**about, **given, "correlation": correlation}))
    return found


def times(body: Body) -> datetime:
    moments = {Signal: "occurred_at", Profile: "updated_at", Answer: "answered_at"}
    moment = getattr(body, moments[type(body)])
    assert isinstance(moment, datetime)
    return moment


KINDS = {
    Signal: "touchback.signal.v1",
    Profile: "touchback.profile.v1",
    Answer: "touchback.answer.v1",
}


def record_of(body: Body, pretty: bool) -> tuple[list[tuple[str, bytes | None]], bytes]:
    headers, value = encode(
        Event(
            f"id/{id(body)}", "touchback/listen", KINDS[type(body)], body.customer_id, START, body
        )
    )
    return headers, json.dumps(json.loads(value), indent=2).encode() if pretty else value


@asynccontextmanager
async def producing(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(kafka: str, topic: str, given: Sequence[Body]) -> None:
    """Puts them onto the topic: each with its own time, every third one with line ends inside."""
    async with producing(kafka) as producer:
        for number, body in enumerate(given):
            headers, value = record_of(body, pretty=not number % 3)
            stamp = int(times(body).timestamp() * 1000)
            key = body.customer_id.encode()
            await producer.send_and_wait(topic, value, key, headers=headers, timestamp_ms=stamp)


def lines(given: Sequence[Message]) -> str:
    return "".join(f"{body.model_dump_json(exclude_none=True)}\n" for body in given)


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "catalog", catalog_files(FILES))


@pytest.fixture
async def topic(kafka: str) -> str:
    name = unique_topic()
    await create_topics(kafka, name, partitions=3)
    return name


async def backtest(kafka: str, catalog: Path, events: object, *more: object) -> Result:
    environment = {"TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": kafka}
    words = ("backtest", "--catalog", catalog, "--events", events, "--json", *more)
    return await asyncio.to_thread(
        CliRunner().invoke, app, [str(word) for word in words], env=environment
    )


async def test_a_topic_gives_the_bytes_that_its_messages_give_in_a_file(
    kafka: str, catalog: Path, topic: str, tmp_path: Path
) -> None:
    given = bodies()
    await write(kafka, topic, given)
    file = tmp_path / "events.jsonl"
    file.write_text(lines(given), "utf-8")
    decided = [tmp_path / f"{n}.jsonl" for n in range(3)]
    from_file = await backtest(kafka, catalog, file, "--decisions", decided[0])
    from_topic, again = [
        await backtest(kafka, catalog, f"topic:{topic}", "--decisions", each)
        for each in decided[1:]
    ]
    assert (from_topic.exit_code, from_topic.stdout) == (0, from_file.stdout)
    assert json.loads(from_file.stdout)["new"]["touchpoints"]["delivered"]["ask"] > 0
    assert not json.loads(from_file.stdout)["input"]["everybody_reachable"]
    one, two, three = (each.read_text("utf-8").splitlines() for each in decided)
    assert sorted(two) == sorted(one)
    assert (three, again.stdout) == (two, from_topic.stdout)
    assert f"{topic}, offsets by partition (0: 0 to" in from_topic.stderr


async def test_what_comes_while_it_reads_is_left_for_the_next_time(
    kafka: str, catalog: Path, topic: str
) -> None:
    """It ends, although somebody writes all the time."""
    await write(kafka, topic, bodies())
    headers, value = record_of(a_signal("more", customer="c9"), pretty=False)
    done = asyncio.Event()

    async def more() -> None:
        async with producing(kafka) as producer:
            while not done.is_set():
                await producer.send_and_wait(topic, value, b"c9", headers=headers)

    writing = asyncio.create_task(more())
    try:
        result = await asyncio.wait_for(backtest(kafka, catalog, f"topic:{topic}"), 60)
    finally:
        done.set()
        await writing
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("start", "hour"),
    [
        pytest.param("@2026-03-02T12:00:00Z", 0, id="the time of the first"),
        pytest.param("@2026-03-03T16:00:00+00:00", 28, id="a time in the middle"),
        pytest.param("@2026-12-31T00:00+02:00", 999, id="after the last"),
    ],
)
async def test_a_topic_is_read_from_a_time_on(
    kafka: str, catalog: Path, topic: str, start: str, hour: int
) -> None:
    given = sorted(bodies(), key=times)
    await write(kafka, topic, given)
    result = await backtest(kafka, catalog, f"topic:{topic}{start}")
    expected = sum(times(body) >= START + hour * HOUR for body in given)
    assert json.loads(result.stdout)["input"]["lines"] == expected


async def test_a_topic_is_read_from_an_offset_on(kafka: str, catalog: Path, topic: str) -> None:
    given = bodies()
    await write(kafka, topic, given)
    wholes = [await backtest(kafka, catalog, f"topic:{topic}@{n}") for n in (0, 5, 10**6)]
    read = [json.loads(each.stdout)["input"]["lines"] for each in wholes]
    assert read == [len(given), len(given) - 15, 0]


async def test_a_record_that_cannot_be_read_is_named_by_its_place(
    kafka: str, catalog: Path, topic: str
) -> None:
    async with producing(kafka) as producer:
        kind: Any = [("ce_type", b"touchback.signal.v1")]
        await producer.send_and_wait(topic, b"{", b"c1", partition=1, headers=kind)
        await producer.send_and_wait(topic, None, b"c1", partition=1)
    result = await backtest(kafka, catalog, f"topic:{topic}")
    assert (result.exit_code, f"{topic}/1/0: " in result.stderr) == (1, True), result.stderr
    about = json.loads(result.stdout)["input"]
    assert (about["lines"], about["refused"], about["unused"]) == (2, 1, 1)


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ("topic:no.such.topic", "Kafka has no topic no.such.topic"),
        ("topic:touchback.signals@yesterday", "should be topic:touchback.signals, or from a time"),
        ("topic:touchback.signals@2026-10-01T00:00", "should be topic:touchback.signals, or from"),
        ("topic:", "should be topic:touchback.signals, or from"),
    ],
)
async def test_a_topic_that_cannot_be_meant_is_one_line(
    kafka: str, catalog: Path, events: str, message: str
) -> None:
    result = await backtest(kafka, catalog, events)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


async def test_a_kafka_that_is_away_is_one_line(catalog: Path) -> None:
    result = await backtest("127.0.0.1:1", catalog, "topic:touchback.signals")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "Kafka is away" in result.stderr
