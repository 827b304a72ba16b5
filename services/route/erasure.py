"""What `route` forgets: erased customers, and words that were taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from shared import db, sql
from shared.contracts.responses import Response

QUERIES = sql.load(Path(__file__).parent / "erasure.sql")


async def erase(connection: db.Connection, customer: str, name: str, now: datetime) -> None:
    """Put `name` in the customer's place; alerts still on their way are not sent any more."""
    # Cases come before their alerts, as for whoever writes down what became of those.
    await connection.execute(QUERIES["erase_cases"], customer, name)
    await connection.execute(QUERIES["erase_digests"], customer)
    await connection.execute(QUERIES["erase_deliveries"], customer, name)


async def take_back(connection: db.Connection, said: Sequence[Response]) -> None:
    """Forget what was written in these responses."""
    responses = [each.response_id for each in said]
    await connection.execute(QUERIES["take_back"], responses)
