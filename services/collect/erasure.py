"""What `collect` forgets of an erased customer: who it was and what they wrote; scores stay."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from shared import db, sql
from shared.erasure import NUMBERS

QUERIES = sql.load(Path(__file__).parent / "erasure.sql")


async def erase(connection: db.Connection, customer: str, name: str, now: datetime) -> None:
    """Put `name` in the customer's place; links they still hold lead nowhere any more."""
    # Whoever answers at this moment holds the invitation, so that comes first.
    await connection.execute(QUERIES["erase_invitations"], customer, name)
    await connection.execute(QUERIES["erase_responses"], customer, name, list(NUMBERS))
    await connection.execute(QUERIES["erase_feedback"], customer, name)
    await connection.execute(QUERIES["erase_subjects"], customer)
