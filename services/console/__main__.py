"""The process: shows people their cases; and the command that makes what is kept of a password."""

from __future__ import annotations

import json
import os
import sys

import typer

from services.console import passwords
from services.console.app import build
from services.console.settings import NAME, Settings, is_name
from shared import process

app = process.commands("console", Settings, build, os.environ)


@app.command()
def password(name: str) -> None:
    """Ask for a password, or read a line that is piped in, and print what to keep of it.

    That is TOUCHBACK_CONSOLE_USERS for one person; those of several go into one object. NAME stands
    on the cases that this person works on: take that of `members:` in teams.yaml.
    """
    if not is_name(name):
        raise _refused(f'"{name}" is no name: {NAME}')
    typed = _typed()
    if len(typed) < passwords.SHORTEST:
        raise _refused(f"a password has {passwords.SHORTEST} characters at least")
    typer.echo(json.dumps({name: passwords.hashed(typed)}, ensure_ascii=False))


def _refused(why: str) -> typer.Exit:
    typer.echo(f"touchback: {why}", err=True)
    return typer.Exit(process.UNUSABLE)


def _typed() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    app()
