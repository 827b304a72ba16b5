"""The process of `ask`, and its operator commands."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from services.ask import people, rekeying, sends, store
from services.ask.app import build
from services.ask.backtest.commands import add_backtest, add_simulate
from services.ask.settings import Keyring, Settings
from services.ask.store import Waiting
from shared import db, process
from shared.clock import Clock, SystemClock
from shared.contracts.asks import Decision
from shared.errors import TouchbackError
from shared.pii import Pii
from shared.settings import Stored


class InvalidName(TouchbackError):
    """A name that cannot be one."""


TELL_EVERY = 100_000
"""After so many details it is said how far it has come."""

app = process.commands("ask", Settings, build, os.environ)


@app.command()
def explain(
    customer: Annotated[str, typer.Option(help="The customer's id.")],
    signal: Annotated[str | None, typer.Option(help="Only decisions about this signal.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One per line.")] = False,
) -> None:
    """Say why a customer was asked or not, newest first."""
    try:
        for name, text in (("--customer", customer), ("--signal", signal or "")):
            if "\x00" in text:
                raise InvalidName(f"{name} holds the character U+0000, which no name can hold")
        found, waiting = asyncio.run(_read(Stored.load(os.environ), customer, signal, limit))
    except TouchbackError as error:
        raise process.fail(error) from None
    if as_json:
        for each in waiting:
            typer.echo(json.dumps(each.plain(), ensure_ascii=False))
        for decision in found:
            typer.echo(decision.model_dump_json(exclude_none=True))
        return
    if not found and not waiting:
        typer.echo("No decision about this customer: no signal of theirs matched a touchpoint.")
        return
    told = [_put_off(each) for each in waiting] + ["\n".join(_told(each)) for each in found]
    typer.echo("\n\n".join(told))


@app.command()
def unknown(
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One per line.")] = False,
) -> None:
    """List asks, newest first, of which nobody knows whether they were sent; none is sent again."""
    try:
        found = asyncio.run(_unknown(Stored.load(os.environ), limit))
    except TouchbackError as error:
        raise process.fail(error) from None
    for each in found:
        typer.echo(json.dumps(asdict(each), default=str) if as_json else _unsure(each))
    if not found and not as_json:
        typer.echo("Of every ask it is known what became of it.")


@app.command()
def erase(customer: Annotated[str, typer.Argument(help="The customer's id.")]) -> None:
    """Remove a customer's identity and words, here and in every other service; scores stay."""
    try:
        asyncio.run(_erase(Stored.load(os.environ), customer, SystemClock()))
    except TouchbackError as error:
        raise process.fail(error) from None
    typer.echo(f"{customer} is erased here; the running service tells the others.")


@app.command()
def reencrypt(
    check: Annotated[bool, typer.Option("--check", help="Only count, change nothing.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows a transaction.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Bring all contact details under the first of TOUCHBACK_PII_KEYS, so that others can go.

    The service may run meanwhile. Ended early, it goes on where it was when it is started again.
    Exits with 1 while any detail stands under an older key.
    """
    try:
        counted = asyncio.run(_reencrypt(Keyring.load(os.environ), batch, renew=not check))
    except TouchbackError as error:
        raise process.fail(error) from None
    except db.AWAY as error:
        raise process.fail(TouchbackError(f"PostgreSQL: {error}")) from None
    typer.echo(json.dumps(asdict(counted)) if as_json else _under(counted))
    raise typer.Exit(1 if counted.older else 0)


async def _reencrypt(settings: Keyring, batch: int, *, renew: bool) -> rekeying.Count:
    connection = await db.connect(settings.postgres_dsn, "ask")
    counted = rekeying.Count()
    try:
        async for each in rekeying.walk(connection, Pii(settings.pii_keys), batch, renew=renew):
            counted.add(each)
            if counted.seen // TELL_EVERY != (counted.seen - each.seen) // TELL_EVERY:
                typer.echo(f"… {_under(counted)}", err=True)
    finally:
        await connection.close(timeout=2.0)
    return counted


def _under(counted: rekeying.Count) -> str:
    said = f"{counted.newest + counted.renewed} details under the newest key"
    said += f" ({counted.renewed} brought there now), {counted.older} under an older one"
    if counted.unreadable:
        said += f", {counted.unreadable} under a key that TOUCHBACK_PII_KEYS does not hold"
    return said


async def _erase(settings: Stored, customer: str, clock: Clock) -> None:
    connection = await db.connect(settings.postgres_dsn, "ask")
    try:
        async with connection.transaction():
            await people.erase(connection, customer, clock.now())
    finally:
        await connection.close(timeout=2.0)


async def _unknown(settings: Stored, limit: int) -> list[sends.Unknown]:
    connection = await db.connect(settings.postgres_dsn, "ask")
    try:
        return await sends.unknown(connection, limit)
    finally:
        await connection.close(timeout=2.0)


def _unsure(each: sends.Unknown) -> str:
    what = "reminder of " if each.reminder else ""
    at = f"{each.at:%Y-%m-%d %H:%M:%S%z}" if each.at else "-"
    about = f"customer {each.customer_id}, {each.touchpoint}, {each.channel}"
    return f"{at} {what}{each.invitation_id} ({about})"


async def _read(
    settings: Stored, customer: str, signal: str | None, limit: int
) -> tuple[list[Decision], list[Waiting]]:
    connection = await db.connect(settings.postgres_dsn, "ask")
    try:
        found = await store.decisions_of(connection, customer, signal, limit)
        return found, await store.waiting_of(connection, customer, signal, limit)
    finally:
        await connection.close(timeout=2.0)


def _put_off(waiting: Waiting) -> str:
    signal = waiting.signal
    return (
        f"{waiting.touchpoint}: not decided yet, it waits until"
        f" {waiting.due_at:%Y-%m-%d %H:%M:%S%z} or, where asks compete, for the hold window after"
        f" (signal {signal.signal}, event {signal.source}/{signal.source_event_id}"
        f" of {signal.occurred_at:%Y-%m-%d %H:%M:%S%z})"
    )


def _told(decision: Decision) -> Iterator[str]:
    """Yield what happened, then each rule in the order it ran, with what it compared."""
    outcome = f"silent, {decision.silence}" if decision.silence else decision.outcome
    yield (
        f"{decision.decided_at:%Y-%m-%d %H:%M:%S%z} {decision.touchpoint}: {outcome}"
        f" (signal {decision.signal}, event {decision.source}/{decision.source_event_id}"
        f" of {decision.occurred_at:%Y-%m-%d %H:%M:%S%z}, catalog {decision.catalog_version},"
        f" inclusion probability {decision.probability:g})"
    )
    if decision.next_possible_at:
        yield f"  may be asked again from {decision.next_possible_at} on, as far as caps go"
    for rule in decision.rules:
        compared = ", ".join(f"{name}={value}" for name, value in rule.compared.items())
        yield f"  {rule.verdict.replace('_', ' '):<8} {rule.rule:<15} {compared}".rstrip()


add_backtest(app, os.environ)
add_simulate(app, os.environ, _told)


if __name__ == "__main__":
    app()
