"""`touchback listen try` and `tail`: what a source makes of messages, with nothing at stake."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from services.listen.decide import understand
from services.listen.formats import read
from services.listen.infer import Sample, propose, yaml
from services.listen.model import Mapped, Skipped, SourceEvent, Unused
from services.listen.policy import Dialects, dialects
from services.listen.settings import Settings
from shared import kafka, process
from shared.catalog.fields import Format
from shared.catalog.findings import InvalidCatalog
from shared.catalog.loader import load
from shared.catalog.reading import read as read_catalog
from shared.catalog.sources import Source
from shared.consume import raw
from shared.contracts.envelope import Header
from shared.contracts.signals import Answer, Profile, Signal
from shared.errors import TouchbackError, Unavailable, UnreadableMessage
from shared.records import Record

REFUSED = 1
_TOLD = {"unused": "signals", "profile": "contact cards"}
_STYLES = {"refused": "red", "skipped": "dim", "unused": "yellow"}

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="JSON, JSON lines, or - .")]
CatalogFolder = Annotated[
    Path | None, typer.Option("--catalog", help="The folder of the catalog; else the setting.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Headers = Annotated[
    list[str] | None,
    typer.Option("--headers", help="'name: value' or a JSON object, for every message."),
]


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one event: a kind, and the message or the reason."""

    place: str
    source: str
    kind: str
    what: dict[str, Any] | str

    def plain(self) -> dict[str, Any]:
        """Return it for a program."""
        told = "message" if isinstance(self.what, dict) else "reason"
        about = {"place": self.place, "source": self.source, "outcome": self.kind}
        return {**about, told: self.what}


def explain(record: Record, source: Source, place: str, used: frozenset[str]) -> list[Line]:
    """Say what a source makes of a record; signals that nobody waits for are worked out too."""
    every = used | {each.signal for each in source.signals}
    try:
        outcomes = understand(record, source, every)
    except UnreadableMessage as error:
        return [Line(place, source.source, "refused", str(error))]
    lines: list[Line] = []
    for outcome in outcomes:
        if isinstance(outcome, Skipped):
            lines.append(Line(place, source.source, "skipped", _why(outcome, source)))
        elif isinstance(outcome, Mapped):
            lines += [_line(place, source.source, each, used) for each in outcome.messages]
    return lines


def _why(skipped: Skipped, source: Source) -> str:
    if skipped.reason != "no_mapping":
        return skipped.reason
    return f"no `when` of source {source.source} holds for it"


def _line(
    place: str, source: str, what: Signal | Answer | Profile | Unused, used: frozenset[str]
) -> Line:
    match what:
        case Signal(signal=name):
            kind = "signal" if name in used else "unused"
        case Unused(signal=name):
            return Line(place, source, "unused", name)
        case Answer():
            kind = "answer"
        case Profile():
            kind = "profile"
    return Line(place, source, kind, what.model_dump(mode="json", exclude_none=True))


def records(
    files: Iterable[str], topic: str, headers: tuple[Header, ...]
) -> Iterator[tuple[str, Record]]:
    """Yield each message and where it stands: a document is one, else each line is one."""
    for name in files:
        for number, value in enumerate(_messages(_content(name)), start=1):
            place = name if number == 0 else f"{name}:{number}"
            yield place, Record(topic, 0, number, -1, None, value, headers)


def _content(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise TouchbackError(f"{name}: cannot be read: {error.strerror}") from error


def _messages(content: bytes) -> list[bytes]:
    try:
        json.loads(content)
    except ValueError:
        lines = [line for line in content.splitlines() if line.strip()]
        # A document with a mistake is one message with a mistake, not as many as it has lines.
        return lines if _looks_like_lines(lines) else [content]
    return [content]


def _looks_like_lines(lines: list[bytes]) -> bool:
    def whole(line: bytes) -> bool:
        try:
            return isinstance(json.loads(line), dict)
        except ValueError:
            return False

    return any(map(whole, lines))


def given_headers(texts: Iterable[str]) -> tuple[Header, ...]:
    """Read headers as people write them; raises TouchbackError."""
    found: list[Header] = []
    for text in texts:
        if text.lstrip().startswith("{"):
            try:
                pairs = json.loads(text)
            except ValueError as error:
                raise TouchbackError(f"--headers: {text!r} is not JSON") from error
            found += [(name, str(value).encode()) for name, value in pairs.items()]
            continue
        name, colon, value = text.partition(":")
        if not colon:
            raise TouchbackError(f"--headers: {text!r} should be like 'x-topic: orders/paid'")
        found.append((name.strip(), value.strip().encode()))
    return tuple(found)


def _dialects(folder: Path | None, environ: Mapping[str, str]) -> Dialects:
    where = folder or environ.get("TOUCHBACK_CATALOG")
    if not where:
        raise TouchbackError("no catalog: give --catalog DIR or set TOUCHBACK_CATALOG")
    try:
        return dialects(load(where))
    except InvalidCatalog as error:
        first = str(error.findings[0]) if error.findings else "it is broken"
        raise TouchbackError(f"{where}/{first}") from error


def _named(taken: Dialects, name: str | None) -> list[Source]:
    every = [each for group in taken.by_topic.values() for each in group]
    found = [each for each in every if name in (None, each.source)]
    if not found:
        known = ", ".join(taken.sources) or "none"
        raise TouchbackError(f"the catalog has no source {name}; it has {known}")
    return found


def add_try(app: typer.Typer, environ: Mapping[str, str]) -> None:
    """Add `try`."""

    @app.command("try")
    def try_files(
        files: Files,
        source: Annotated[str, typer.Option(help="The source they are from.")],
        catalog: CatalogFolder = None,
        headers: Headers = None,
        as_json: AsJson = False,
    ) -> None:
        """Print what the catalog makes of sample messages, or why it refuses them. No Kafka needed.

        Exits with 1 when any is refused, with 2 when there is nothing to try.
        """
        console, refused = Console(), 0
        try:
            taken = _dialects(catalog, environ)
            (wanted,) = _named(taken, source)
            for place, record in records(files, wanted.topic, given_headers(headers or ())):
                for line in explain(record, wanted, place, taken.used):
                    refused += line.kind == "refused"
                    _show(console, line, as_json=as_json, whole=True)
        except TouchbackError as error:
            raise process.fail(error) from None
        raise typer.Exit(REFUSED if refused else 0)


def add_tail(app: typer.Typer, environ: Mapping[str, str]) -> None:
    """Add `tail`."""

    @app.command()
    def tail(
        source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
        from_start: Annotated[bool, typer.Option(help="All that stands there, then live.")] = False,
        limit: Annotated[int | None, typer.Option(min=1, help="End after so many lines.")] = None,
        as_json: AsJson = False,
    ) -> None:
        """Show live what is mapped, skipped and refused; Ctrl-C ends it.

        It reads beside the service, in no consumer group: nothing is taken from anyone.
        """
        try:
            settings = Settings.load(environ)
            taken = _dialects(settings.catalog, environ)
            sources = _named(taken, source)
            asyncio.run(_tail(settings, taken, sources, limit, from_start, as_json))
        except TouchbackError as error:
            raise process.fail(error) from None
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


async def _tail(
    settings: Settings,
    taken: Dialects,
    sources: list[Source],
    limit: int | None,
    from_start: bool,
    as_json: bool,
) -> None:
    console, shown, names = Console(), 0, {each.source for each in sources}
    async for record in _live(settings, sorted({each.topic for each in sources}), from_start):
        for each in taken.on(record.topic):
            if each.source not in names:
                continue
            for line in explain(record, each, record.position, taken.used):
                _show(console, line, as_json=as_json, whole=False)
                shown += 1
                if shown == limit:
                    return


async def _live(settings: Settings, names: list[str], from_start: bool) -> AsyncIterator[Record]:
    consumer = AIOKafkaConsumer(
        **kafka.client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest" if from_start else "latest",
        metadata_max_age_ms=10_000,
    )
    patterns = [name for name in names if name.startswith("^")]
    plain = [name for name in names if not name.startswith("^")]
    try:
        await consumer.start()
        if patterns:
            consumer.subscribe(pattern="|".join([*patterns, *(f"^{name}$" for name in plain)]))
        else:
            consumer.subscribe(plain)
        async for record in consumer:
            yield raw(record)
    except KafkaError as error:
        raise Unavailable(f"Kafka is away: {error}") from error
    finally:
        await consumer.stop()


def _show(console: Console, line: Line, *, as_json: bool, whole: bool) -> None:
    if as_json:
        typer.echo(json.dumps(line.plain(), ensure_ascii=False))
        return
    # A `Text` takes nothing from outside for markup.
    text = Text(f"{line.place}  ")
    text.append(f"{line.kind:<8}", _STYLES.get(line.kind, "green"))
    if isinstance(line.what, str):
        text.append(f"{line.what}")
    elif whole:
        text.append(json.dumps(line.what, ensure_ascii=False, indent=2))
    else:
        text.append(_short(line.what))
    console.print(text, soft_wrap=True)


def _short(message: Mapping[str, Any]) -> str:
    name = message.get("signal") or message.get("touchpoint") or "contact card"
    return f"{name} of {message['customer_id']}"


def propose_yaml(source: str, topic: str, found: Sequence[Record]) -> tuple[str, int]:
    """Return a proposal as YAML, and how many of the records it maps when it is tried."""
    form = _form(found)
    samples = [
        Sample(event.headers, event.body)
        for record in found
        for event in _events(record, form)
        if isinstance(event.body, dict)
    ]
    if not samples:
        raise TouchbackError(f"no sample can be read as {form}: give JSON objects")
    proposed = propose(source, form, samples)
    text = yaml(source, topic, proposed, [])
    draft = read_catalog({"sources.yaml": text.encode()})
    if not draft.sources:
        return text, 0
    lines = [
        line
        for record in found
        for line in explain(record, draft.sources[0].entry, "", frozenset())
    ]
    kinds = Counter(line.kind for line in lines)
    mapped = kinds["unused"] + kinds["profile"]
    told = ", ".join(f"{count} {_TOLD.get(kind, kind)}" for kind, count in sorted(kinds.items()))
    remarks = [f"of {len(found)} samples: {told}"]
    if mapped and not kinds["unused"]:
        remarks.append("no signals: these say where to reach customers, and nothing to ask about")
    remarks += [f"first refused: {line.what}" for line in lines if line.kind == "refused"][:1]
    return yaml(source, topic, proposed, remarks), mapped


def _form(found: Sequence[Record]) -> Format:
    """Return the format that takes most samples; plain JSON takes nearly all, so it comes last."""
    forms: tuple[Format, ...] = ("cloudevents", "debezium")
    counts = {form: sum(_readable(each, form) for each in found) for form in forms}
    best = max(forms, key=lambda form: counts[form])
    return best if counts[best] * 2 > len(found) else "json"


def _readable(record: Record, form: Format) -> bool:
    try:
        read(record, form)
    except UnreadableMessage:
        return False
    return True


def _events(record: Record, form: Format) -> list[SourceEvent]:
    if not _readable(record, form):
        return []
    return [event for event in read(record, form) if isinstance(event, SourceEvent)]


def add_infer(app: typer.Typer) -> None:
    """Add `infer`."""

    @app.command()
    def infer(
        files: Files,
        source: Annotated[str, typer.Option(help="What to call it.")] = "my-source",
        topic: Annotated[str, typer.Option(help="Where it publishes.")] = "my.topic",
        headers: Headers = None,
    ) -> None:
        """Propose a mapping for sample messages, as YAML for sources.yaml, to start from.

        Remarks say what it was unsure of, which zone it took a local time to be in, and how many
        samples become signals or contact cards. Exits with 1 when none does.
        """
        try:
            found = list(records(files, topic, given_headers(headers or ())))
            text, mapped = propose_yaml(source, topic, [record for _, record in found])
        except TouchbackError as error:
            raise process.fail(error) from None
        typer.echo(text, nl=False)
        raise typer.Exit(0 if mapped else REFUSED)
