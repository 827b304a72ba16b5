"""What happens because time passed: a score without a second page becomes final."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.collect import decide, store
from services.collect.model import ResponseId
from shared import db
from shared.timers import Timer


async def finish(connection: db.Connection, due: Sequence[Timer], now: datetime) -> None:
    """Declare answers final whose time has come, unless the second page did so meanwhile."""
    wanted = [ResponseId(timer.ref) for timer in due]
    found = await store.lock_unfinished(connection, wanted)
    await store.change(connection, [decide.final(each, now) for each in found], now)
