"""The process of `ask`, and its operator commands."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.ask import store
from services.ask.app import build
from services.ask.settings import Settings
from shared import db, process
from shared.contracts.asks import Decision
from shared.errors import TouchbackError

app = process.commands("ask", Settings, build, os.environ)


@app.command()
def explain(
    customer: Annotated[str, typer.Option(help="The customer's id.")],
    signal: Annotated[str | None, typer.Option(help="Only decisions about this signal.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One decision per line.")] = False,
) -> None:
    """Say why a customer was asked or not, newest first."""
    try:
        found = asyncio.run(_read(Settings.load(os.environ), customer, signal, limit))
    except TouchbackError as error:
        raise process.fail(error) from None
    if as_json:
        for decision in found:
            typer.echo(decision.model_dump_json(exclude_none=True))
        return
    if not found:
        typer.echo("No decision about this customer: no signal of theirs matched a touchpoint.")
        return
    Console().print(_table(found))


async def _read(
    settings: Settings, customer: str, signal: str | None, limit: int
) -> list[Decision]:
    connection = await db.connect(settings.postgres_dsn, "ask")
    try:
        return await store.decisions_of(connection, customer, signal, limit)
    finally:
        await connection.close(timeout=2.0)


def _table(decisions: list[Decision]) -> Table:
    table = Table("decided at", "touchpoint", "signal", "event", "decision", "compared")
    for each in decisions:
        stopped = [rule for rule in each.rules if rule.verdict == "stopped"]
        compared = ", ".join(f"{k}={v}" for rule in stopped for k, v in rule.compared.items())
        table.add_row(
            each.decided_at.isoformat(timespec="seconds"),
            each.touchpoint,
            each.signal,
            each.source_event_id,
            each.silence or each.outcome,
            compared,
        )
    return table


if __name__ == "__main__":
    app()
