"""What happens because time passed: clocks run out, whether or not anybody works on the case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.close import record, store
from services.close.model import TERMINAL, Case
from shared import db
from shared.contracts.cases import Deadline
from shared.timers import Timer


async def deadlines(connection: db.Connection, due: Sequence[Timer], now: datetime) -> None:
    """Mark the clocks that nobody stopped in time."""
    cases = await store.lock(connection, {timer.payload["case_id"] for timer in due})
    passed = [found for timer in due if (found := _passed(cases, timer)) is not None]
    await record.ran_out(connection, passed, now)


def _passed(cases: Mapping[str, Case], timer: Timer) -> tuple[Case, Deadline] | None:
    case = cases.get(timer.payload["case_id"])
    if case is None or case.cycle != timer.payload["cycle"] or case.event.state in TERMINAL:
        return None
    for deadline in case.running:
        if deadline.clock == timer.payload["clock"]:
            return case, deadline
    return None
