"""The process `listen`, and its operator commands."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.listen.app import build
from services.listen.letters import Letter, newest
from services.listen.settings import Settings
from shared import process
from shared.errors import TouchbackError

app = process.commands("listen", Settings, build, os.environ)
dead_letters = typer.Typer(no_args_is_help=True, help="Records that could not be understood.")
app.add_typer(dead_letters, name="dead-letters")


@dead_letters.callback()
def _group() -> None:
    """Records that could not be understood."""


@dead_letters.command("list")
def list_letters(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
) -> None:
    """Print what was refused, why, and where it stood; the oldest first."""
    try:
        letters = asyncio.run(newest(Settings.load(os.environ), limit))
    except TouchbackError as error:
        raise process.fail(error) from None
    if as_json:
        for each in letters:
            typer.echo(json.dumps(asdict(each), ensure_ascii=False))
    else:
        _print(letters)


def _print(letters: Sequence[Letter]) -> None:
    if not letters:
        typer.echo("no dead letters")
        return
    table = Table("id", "at", "service", "position", "class", "message", box=None)
    for each in letters:
        about = each.about
        row = (each.id, about["at"], about["service"], each.position, about["class"])
        # What came from outside may look like markup, and must not be taken for it.
        table.add_row(*map(escape, (*row, about["message"])))
    Console().print(table)


if __name__ == "__main__":
    app()
