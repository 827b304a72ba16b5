"""The operator's commands on a catalog; `touchback catalog` is this app."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from shared.catalog.catalog import Catalog
from shared.catalog.diff import differences
from shared.catalog.findings import InvalidCatalog, UnusableCatalog
from shared.catalog.loader import check as check_folder
from shared.catalog.loader import load

FINDINGS, UNUSABLE = 1, 2
DIFFERENT = 1

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the catalog.")]

app = typer.Typer(
    help="Work on the catalog: what is asked, when, and who owns the answers. `touchback catalog"
    " simulate --help` says what one would do with a few events.",
    add_completion=False,
)


@app.command()
def check(
    folder: Folder,
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


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The catalog as it was.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The catalog as it is to be.")],
    as_json: Annotated[bool, typer.Option("--json", help="One difference a line.")] = False,
) -> None:
    """Say in words what changes from one catalog to another; comments and order do not count.

    Exits with 0 when both mean the same, 1 when they differ, 2 when one cannot be loaded.
    """
    found = differences(_loaded(old), _loaded(new))
    for each in found:
        typer.echo(json.dumps(asdict(each), ensure_ascii=False) if as_json else str(each))
    if not found and not as_json:
        typer.echo("no difference in meaning")
    raise typer.Exit(DIFFERENT if found else 0)


def _loaded(folder: Path) -> Catalog:
    try:
        return load(folder)
    except InvalidCatalog as error:
        first = str(error.findings[0]) if error.findings else "it is broken"
        typer.echo(f"touchback: {folder}/{first}", err=True)
        raise typer.Exit(UNUSABLE) from error
    except UnusableCatalog as error:
        typer.echo(f"touchback: {error}", err=True)
        raise typer.Exit(UNUSABLE) from error
