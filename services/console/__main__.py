"""The process: shows people their cases; and the command that makes what is kept of a password."""

from __future__ import annotations

import json
import os
import sys

import typer

from services.console import passwords
from services.console.app import build
from services.console.settings import Settings
from shared import process

app = process.commands("console", Settings, build, os.environ)


@app.command()
def password(name: str) -> None:
    """Ask for a password, and print the entry of TOUCHBACK_CONSOLE_USERS for NAME.

    NAME stands on the cases that this person works on: take that of `members:` in teams.yaml.
    """
    typed = _typed()
    if len(typed) < passwords.SHORTEST:
        typer.echo(f"touchback: a password has {passwords.SHORTEST} characters at least", err=True)
        raise typer.Exit(process.UNUSABLE)
    typer.echo(json.dumps({name: passwords.hashed(typed)}, ensure_ascii=False))


def _typed() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    app()
