"""`touchback play`: JSON lines onto a source topic, at their own pace or as fast as it goes."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any, TypeAlias

import typer
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.local.score import BadLine, Options, Played, Score
from shared import kafka
from shared.catalog.findings import InvalidCatalog, UnusableCatalog
from shared.catalog.loader import load
from shared.clock import SystemClock, monotonic
from shared.errors import InvalidSettings, TouchbackError
from shared.process import fail
from shared.settings import Settings

UNACKNOWLEDGED = 1000
"""So many lines may be on their way at once; then the reading waits for Kafka."""

Line: TypeAlias = tuple[int, bytes]
Producer: TypeAlias = Any  # aiokafka ships no types
Sleep: TypeAlias = Callable[[float], Awaitable[None]]


class PlayerSettings(Settings):
    """A player needs Kafka alone; what else stands in the environment is for the services."""

    # The embedded broker has no idempotence, and a line that comes twice is recognised by its id.
    kafka_idempotence: bool = False
    postgres_dsn: str = ""
    catalog: Path = Path()


@dataclass(slots=True)
class Report:
    """What came of it. `complain` is called with one line for each bad one."""

    complain: Callable[[str], None]
    advance: Callable[[int], None] = lambda size: None
    sent: int = 0
    bad: int = 0
    topics: set[str] = field(default_factory=set)

    def refuse(self, error: BadLine) -> None:
        self.bad += 1
        self.complain(str(error))


class Pace:
    """Holds each line back until its time; a line older than the one before goes at once."""

    def __init__(self, speed: float | None, sleep: Sleep, seconds: Callable[[], float]) -> None:
        self._speed = speed
        self._sleep = sleep
        self._seconds = seconds
        self._start: tuple[datetime, float] | None = None

    async def hold(self, at: datetime | None) -> None:
        if self._speed is None or at is None:
            return
        if self._start is None:
            self._start = (at, self._seconds())
        first, started = self._start
        wait = started + (at - first).total_seconds() / self._speed - self._seconds()
        if wait > 0:
            await self._sleep(wait)


async def play_lines(
    producer: Producer,
    lines: AsyncIterator[Line],
    options: Options,
    report: Report,
    pace: Pace | None = None,
) -> None:
    """Send every line that can be sent and wait until Kafka has them all."""
    score = Score(options)
    held = pace or Pace(options.speed, asyncio.sleep, monotonic)
    underway: list[Awaitable[object]] = []
    async for number, text in lines:
        if options.limit is not None and report.sent + report.bad >= options.limit:
            break
        try:
            played = score.read(number, text)
            await held.hold(played.at)
            underway.append(await _send(producer, number, played))
        except BadLine as error:
            report.refuse(error)
        else:
            report.sent += 1
            report.topics.add(played.topic)
        report.advance(len(text))
        if len(underway) >= UNACKNOWLEDGED:
            await asyncio.gather(*underway)
            underway.clear()
    await asyncio.gather(*underway)


async def _send(producer: Producer, number: int, played: Played) -> Awaitable[object]:
    try:
        sent: Awaitable[object] = await producer.send(
            played.topic, value=played.value, key=played.key, headers=list(played.headers)
        )
    except MessageSizeTooLargeError as error:
        raise BadLine(f"line {number}: {len(played.value)} bytes, more than Kafka takes") from error
    return sent


async def numbered(stream: IO[bytes], *, at_once: int) -> AsyncIterator[Line]:
    """Read lines beside the event loop; blank ones are passed over but counted."""
    number = 0
    while chunk := await asyncio.to_thread(lambda: list(islice(stream, at_once))):
        for text in chunk:
            number += 1
            if text.strip():
                yield number, text


def source_topic(topic: str | None, catalog: Path | None, *, envelope: bool) -> str | None:
    """Return the topic to play onto; raises InvalidSettings when it is not clear which."""
    if topic or (envelope and catalog is None):
        return topic
    if catalog is None:
        raise InvalidSettings("--topic NAME or --catalog DIR must say which topic to play onto")
    topics = sorted(load(catalog).source_topics)
    if len(topics) == 1:
        return topics[0]
    if envelope:
        return None
    raise InvalidSettings(
        f"--catalog: reads {', '.join(topics) or 'no topic'}; choose one by --topic NAME"
    )


def speed_of(text: str) -> float | None:
    """Read `max` or how many times faster."""
    if text == "max":
        return None
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e9:
        raise InvalidSettings(f"--speed: {text!r} should be max, or a number above 0 such as 60")
    return speed


@contextmanager
def _opened(file: str) -> Iterator[tuple[IO[bytes], int | None, int]]:
    if file == "-":
        yield sys.stdin.buffer, None, 1
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream, Path(file).stat().st_size or None, 500
    except OSError as error:
        raise InvalidSettings(f"{file}: cannot read it: {error.strerror}") from error


async def _play(file: str, options: Options, settings: Settings, report: Report) -> None:
    with _opened(file) as (stream, size, at_once), _bar(file, size) as advance:
        report.advance = lambda count: advance(count, report.sent)
        producer = await kafka.producer(settings)
        try:
            await play_lines(producer, numbered(stream, at_once=at_once), options, report)
        finally:
            await producer.stop()


@contextmanager
def _bar(file: str, size: int | None) -> Iterator[Callable[[int, int], None]]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[sent]:,} sent"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(Path(file).name, total=size, sent=0)
        yield lambda count, sent: progress.update(task, advance=count, sent=sent)


def _say_result(report: Report, seconds: float) -> None:
    onto = ", ".join(sorted(report.topics)) or "no topic"
    rate = report.sent / max(seconds, 0.001)
    typer.echo(f"sent {report.sent:,} to {onto} in {seconds:.1f} s ({rate:,.0f}/s)")
    if report.bad:
        typer.echo(f"not sent: {report.bad:,} bad lines, each named above", err=True)


def play(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="JSON lines; - reads standard input.")],
    topic: Annotated[str | None, typer.Option(help="The topic to play onto.")] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="Take the topic from this catalog's only source topic.")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="How many times faster than it happened, or max.")
    ] = "max",
    rebase: Annotated[
        str | None,
        typer.Option(help="now: the first line is now, the others as they are played."),
    ] = None,
    key_field: Annotated[
        str | None, typer.Option(help="Field of the body that is the record's key.")
    ] = None,
    time_field: Annotated[str, typer.Option(help="Field of the body with its time.")] = "at",
    envelope: Annotated[
        bool, typer.Option(help='Lines are {"topic", "key", "headers", "body"}.')
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many lines.")] = None,
    bootstrap: Annotated[
        str, typer.Option(help="Kafka.", envvar="TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS")
    ] = "localhost:9092",
) -> None:
    """Put JSON lines onto a source topic. Bad lines are named and passed over (exit code 1)."""
    # What the client says on its way is said again, in one line, when it gave up.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    report = Report(complain=lambda line: typer.echo(line, err=True))
    started = monotonic()
    # Kafka's security settings, where the caller has put the environment there.
    environ = {**(context.obj or {}), "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": bootstrap}
    try:
        if rebase not in (None, "now"):
            raise InvalidSettings(f"--rebase: {rebase!r} should be now")
        options = Options(
            topic=source_topic(topic, catalog, envelope=envelope),
            key_field=key_field,
            time_field=time_field,
            speed=speed_of(speed),
            rebase=SystemClock().now() if rebase else None,
            envelope=envelope,
            limit=limit,
        )
        asyncio.run(_play(file, options, PlayerSettings.load(environ), report))
    except (InvalidCatalog, UnusableCatalog, InvalidSettings) as error:
        raise fail(error) from None
    except KafkaConnectionError:
        away = f"no Kafka answers at {bootstrap}; start one with `touchback up`, or name it"
        raise fail(TouchbackError(f"{away} by --bootstrap")) from None
    except KafkaError as error:
        raise fail(TouchbackError(f"Kafka at {bootstrap} does not take it: {error}")) from None
    _say_result(report, monotonic() - started)
    if report.bad:
        raise typer.Exit(1)
