"""`touchback collect import`: answers of long ago, brought in for the record; nobody is alerted."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from pydantic import Field, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from services.collect import decide, record
from services.collect.model import ResponseId, Submission
from services.collect.policy import Policy
from services.collect.settings import Settings
from shared import db
from shared.catalog.catalog import Catalog
from shared.catalog.findings import InvalidCatalog, UnusableCatalog
from shared.catalog.loader import load
from shared.clock import SystemClock
from shared.contracts.answering import NewResponse
from shared.contracts.base import Moment
from shared.contracts.envelope import describe, stable_id
from shared.errors import InvalidSettings, TouchbackError, Unavailable
from shared.process import fail

AT_ONCE = 500
Row = tuple[int, str | Mapping[str, str]]
"""A line number, and a line of JSON or the cells of a table by column."""


class OldAnswer(NewResponse):
    """One line of the file. `id` is the answer's own in the tool it comes from."""

    id: Annotated[str, Field(min_length=1, max_length=512)]
    answered_at: Moment


@dataclass(slots=True)
class Report:
    """What came of it: answers that are new, that were there already, and bad lines."""

    kept: int = 0
    known: int = 0
    refused: int = 0


class Reading:
    """The lines of a file, and how many bytes of it were read so far."""

    def __init__(self, stream: IO[bytes], *, table: bool) -> None:
        self.read = 0
        self._stream = stream
        self._table = table

    def rows(self) -> Iterator[Row]:
        """Return line by line; a cell of a table may go over several."""
        if not self._table:
            yield from ((n, line) for n, line in enumerate(self._lines(), 1) if line.strip())
            return
        reader = csv.DictReader(self._lines(), restkey="", restval="")
        yield from ((reader.line_num, cells) for cells in reader)

    def _lines(self) -> Iterator[str]:
        for line in self._stream:
            self.read += len(line)
            # Spreadsheets put a mark before the first column's name.
            yield line.decode("utf-8", "replace").removeprefix("\ufeff")


def understand(row: str | Mapping[str, str], policy: Policy, now: datetime) -> OldAnswer:
    """Read one line; raises ValueError with one line that says what would be right."""
    text = row if isinstance(row, str) else json.dumps(_cells(row))
    try:
        answer = OldAnswer.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(describe(error)) from error
    if answer.answered_at > now:
        raise ValueError("answered_at: lies in the future; give the time at which it was answered")
    try:
        decide.check(answer.touchpoint, answer.score, policy)
    except LookupError as error:
        raise ValueError(str(error.args[0])) from error
    return answer


def _cells(row: Mapping[str, str]) -> dict[str, Any]:
    """Make a table's row what a line of JSON would be; an empty cell says nothing."""
    if "" in row:
        raise ValueError("there are more cells than columns: quote what holds a comma")
    found: dict[str, Any] = {}
    for column, cell in row.items():
        area, _, name = column.partition(".")
        if cell and area == "attributes" and name:
            found.setdefault(area, {})[name] = cell
        elif cell:
            found[column] = int(cell) if column == "score" and cell.lstrip("-").isdigit() else cell
    return found


def _submission(answer: OldAnswer, source: str) -> tuple[Submission, datetime]:
    fields = answer.model_dump(exclude={"id", "answered_at"})
    fields["comment"] = (answer.comment or "").strip() or None
    given = Submission(
        response_id=ResponseId(stable_id("import", source, answer.id)),
        channel=source,
        origin="import",
        **fields,
    )
    return given, answer.answered_at


@dataclass(frozen=True, slots=True)
class Importer:
    """Keeps the answers of one file, many in one transaction; a repeat finds them there."""

    database: db.Database
    policy: Policy
    source: str
    now: Callable[[], datetime]
    complain: Callable[[str], None]
    advance: Callable[[Report], None] = lambda report: None

    async def take(self, rows: Iterable[Row]) -> Report:
        """Keep all that can be kept; raises Unavailable when PostgreSQL is away."""
        report, left = Report(), iter(rows)
        while batch := await asyncio.to_thread(lambda: list(islice(left, AT_ONCE))):
            answers = [each for each in (self._read(report, *row) for row in batch) if each]
            given = [_submission(each, self.source) for each in answers]
            async with self.database.transaction() as connection:
                kept = await record.keep_old(connection, given, self.policy, self.now())
            report.kept += kept
            report.known += len(given) - kept
            self.advance(report)
        return report

    def _read(self, report: Report, number: int, row: str | Mapping[str, str]) -> OldAnswer | None:
        try:
            return understand(row, self.policy, self.now())
        except ValueError as error:
            report.refused += 1
            self.complain(f"line {number}: {error}")
            return None


def add_import(
    app: typer.Typer, environ: Mapping[str, str], policy_of: Callable[[Catalog], Policy]
) -> None:
    """Add the command `import`."""

    @app.command("import")
    def bring_in(
        file: Annotated[Path, typer.Argument(help="CSV (.csv), or JSON lines.")],
        source: Annotated[
            str, typer.Option(help="The tool the answers come from: its ids are its own.")
        ] = "import",
        as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    ) -> None:
        """Bring in old answers. Each line or row has `id`, `touchpoint`, `score`, `answered_at`,
        and may have `customer_id`, `correlation`, `comment`, `language` and attributes (columns
        `attributes.NAME`). The same file again changes nothing, and no old answer alerts anybody.
        Bad lines are named and passed over (exit code 1).
        """
        try:
            settings = Settings.load(environ)
            report = asyncio.run(_run(settings, policy_of(load(settings.catalog)), file, source))
        except (TouchbackError, InvalidCatalog, UnusableCatalog) as error:
            raise fail(error) from None
        said = f"kept {report.kept:,}, known already {report.known:,}, refused {report.refused:,}"
        typer.echo(json.dumps(asdict(report)) if as_json else said)
        if report.refused:
            raise typer.Exit(1)


async def _run(settings: Settings, policy: Policy, file: Path, source: str) -> Report:
    database = db.Database(settings.postgres_dsn, "collect", max_size=1)
    await database.open()
    try:
        with file.open("rb") as stream, _bar(file) as advance:
            reading = Reading(stream, table=file.suffix.lower() == ".csv")
            importer = Importer(
                database,
                policy,
                source,
                SystemClock().now,
                lambda line: typer.echo(f"{file}: {line}", err=True),
                lambda report: advance(reading.read, report),
            )
            return await importer.take(reading.rows())
    except db.AWAY as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise InvalidSettings(f"{file}: cannot read it: {error.strerror}") from error
        raise Unavailable(f"{error}; what was kept stays, so run it again") from error
    finally:
        await database.close()


@contextmanager
def _bar(file: Path) -> Iterator[Callable[[int, Report], None]]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[kept]:,} kept"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size or None, kept=0)
        yield lambda read, report: progress.update(task, completed=read, kept=report.kept)
