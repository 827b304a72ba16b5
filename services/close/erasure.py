"""What `close` forgets: erased customers, and words that were taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from services.close import record, store
from services.close.decide import forgotten
from services.close.model import Case, Changed
from services.close.policy import Policy
from shared import db, sql
from shared.contracts.cases import CaseEvent
from shared.contracts.responses import Response
from shared.erasure import anonymous_case

QUERIES = sql.load(Path(__file__).parent / "erasure.sql")


class Eraser:
    """Forgets in the tables of cases; `policy` is that of the catalog in use."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy

    async def erase(
        self, connection: db.Connection, customer: str, name: str, now: datetime
    ) -> None:
        """Put `name` in the customer's place; a case that is open ends, for nobody is left."""
        rows = await connection.fetch(QUERIES["cases_of"], customer)
        cases = await record.held(connection, [row["case_id"] for row in rows])
        for row in await connection.fetch(QUERIES["events_of"], list(cases)):
            left = anonymous_case(row["body"], name)
            await connection.execute(QUERIES["rewrite_event"], row["case_id"], row["version"], left)
        known = [_anonymous(case, name) for case in cases.values()]
        for case in known:
            document = store.document(case.event)
            await connection.execute(QUERIES["erase_case"], case.id, name, document)
        await connection.execute(QUERIES["forget_requests"], list(cases))
        await connection.execute(QUERIES["erase_corrections"], customer)
        ended: list[Changed] = [forgotten(case, now) for case in known if case.is_open]
        await record.changed(connection, ended, self._policy(), now)

    async def take_back(self, connection: db.Connection, said: Sequence[Response]) -> None:
        """Forget these words in the histories; the handler forgets them in the case as it is."""
        responses = [each.response_id for each in said]
        rows = await connection.fetch(QUERIES["cases_with"], responses)
        cases = await record.held(connection, [row["case_id"] for row in rows])
        await connection.execute(QUERIES["take_back_comments"], list(cases), responses)
        await connection.execute(QUERIES["take_back_answers"], responses)
        await connection.execute(QUERIES["take_back_corrections"], responses)
        await connection.execute(QUERIES["forget_requests"], list(cases))


def _anonymous(case: Case, name: str) -> Case:
    document: dict[str, Any] = anonymous_case(store.document(case.event), name)
    return replace(case, event=CaseEvent.model_validate(document))
