"""What `console` forgets: erased customers, and words that were taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from services.console import store
from shared import db, sql, wake
from shared.contracts.cases import CaseEvent, chosen
from shared.contracts.responses import Response
from shared.erasure import anonymous_case

QUERIES = sql.load(Path(__file__).parent / "erasure.sql")


async def erase(connection: db.Connection, customer: str, name: str, now: datetime) -> None:
    """Put `name` in the customer's place, and take every word of and about them away."""
    for row in await connection.fetch(QUERIES["cases_of"], customer):
        left = anonymous_case(row["snapshot"], name)
        words = store.searched(CaseEvent.model_validate(left))
        await connection.execute(QUERIES["erase_case"], row["case_id"], name, words, left)
    await connection.execute(QUERIES["erase_timeline"], customer, name)
    await wake.notify(connection, store.CHANGED)


async def take_back(connection: db.Connection, said: Sequence[Response]) -> None:
    """Forget what was written in these responses, also where it stands as a word on a case."""
    responses = [each.response_id for each in said]
    for row in await connection.fetch(QUERIES["cases_with"], responses):
        score = {**row["snapshot"]["score"], "comment": None, **chosen({})}
        left = CaseEvent.model_validate({**row["snapshot"], "score": score})
        document = left.model_dump(mode="json", exclude_none=True)
        words = store.searched(left)
        await connection.execute(
            QUERIES["erase_case"], row["case_id"], left.customer_id, words, document
        )
    await connection.execute(QUERIES["take_back_lines"], responses)
    about = [each.correlation for each in said if each.correlation is not None]
    await connection.execute(QUERIES["take_back_notes"], about)
    await connection.execute(QUERIES["take_back_last_notes"], about)
    await wake.notify(connection, store.CHANGED)
