"""The operator's commands on a catalog; `touchback catalog` is this app."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from shared.catalog.findings import UnusableCatalog
from shared.catalog.loader import check as check_folder

FINDINGS, UNUSABLE = 1, 2

app = typer.Typer(
    help="Work on the catalog: what is asked, when, and who owns the answers.",
    add_completion=False,
)


@app.callback()
def catalog() -> None:
    """Keep `check` a command of its own while it is the only one."""


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the catalog.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Print each finding as file:line: what is wrong, what would be right.

    Exits with 0 when there is none, 1 when there are some, 2 when there is no catalog to check.
    """
    try:
        findings = check_folder(folder)
    except UnusableCatalog as error:
        typer.echo(json.dumps({"error": str(error)}) if as_json else str(error), err=not as_json)
        raise typer.Exit(UNUSABLE) from error
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            typer.echo(f"{folder / finding.file}:{finding.line}: {finding.message}")
        if not findings:
            typer.echo(f"{folder}: no findings")
    raise typer.Exit(FINDINGS if findings else 0)
