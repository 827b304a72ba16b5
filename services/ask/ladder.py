"""Keeps the rung of customers: looked at after an answer, and when one is first heard of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.ask import contacts, lives, metrics
from services.ask.decide.ladder import Course, climb
from services.ask.model import Broken, Contact
from shared import db
from shared.catalog.policy import Ladder
from shared.contracts.responses import Response
from shared.tallies import Tally


async def keep(
    connection: db.Connection,
    ladder: Ladder,
    answers: Sequence[Response],
    heard: Iterable[str],
    now: datetime,
) -> None:
    """Take answers, and let those customers climb or descend; `heard` are others with news."""
    await _save(connection, answers)
    new = await connection.fetch(lives.QUERIES["prospects"], sorted(set(heard)))
    customers = sorted({each.customer_id for each in answers} | {row["customer_id"] for row in new})
    if not customers:
        return
    cards = await contacts.cards(connection, customers)
    rows = await connection.fetch(lives.QUERIES["courses"], customers, now - ladder.within)
    changes, tally = [], Tally()
    for row in rows:
        customer = row["customer_id"]
        card = cards.get(customer, Contact())
        rung = climb(card, Course(row["bands"], row["signals"]), ladder)
        if isinstance(rung, Broken):
            # A rule that cannot be answered moves nobody.
            tally.add("rule_errors", metrics.LADDER)
        elif rung != card.rung:
            changes.append(contacts.Change(customer, "rung", rung, now))
    await contacts.save(connection, changes)
    await tally.write(connection)


async def _save(connection: db.Connection, answers: Sequence[Response]) -> None:
    newest = {each.response_id: each for each in answers if each.band is not None}
    rows = [(id, each.customer_id, each.band, each.received_at) for id, each in newest.items()]
    if rows:
        columns = [list(column) for column in zip(*sorted(rows), strict=True)]
        await connection.execute(lives.QUERIES["save_bands"], *columns)
