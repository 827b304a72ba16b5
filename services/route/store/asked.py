"""What people ask of alerts over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from services.route import policy
from services.route.model import (
    Silence,
)
from services.route.store.queries import QUERIES
from shared import db, erasure


async def alerts(
    connection: db.Connection, case_id: str | None, state: str | None, limit: int
) -> list[db.Row]:
    """Return deliveries, newest first."""
    return await connection.fetch(QUERIES["alerts_list"], case_id, state, limit)


async def state_of(connection: db.Connection, alert_id: str) -> db.Row | None:
    """Return state, failure and attempts of an alert."""
    return await connection.fetchrow(QUERIES["alert_state"], alert_id)


async def replay(connection: db.Connection, alert_id: str, now: datetime) -> bool:
    """Owe an alert once more; False when it is on its way anyhow."""
    return await connection.fetchval(QUERIES["alert_replay"], alert_id, now) is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts that nobody accepted: queued in `[since, until)`, of one endpoint or any."""

    since: datetime
    until: datetime
    endpoint: str | None = None


async def exhausted(connection: db.Connection, wanted: Wanted) -> list[db.Row]:
    """Return the alerts that no attempt could deliver and that are of use, the oldest first."""
    return await connection.fetch(
        QUERIES["alerts_exhausted"], *astuple(wanted), f"{erasure.PREFIX}%", sorted(policy.ENDED)
    )


async def replay_all(connection: db.Connection, alert_ids: Sequence[str], now: datetime) -> None:
    """Owe these once more; they say how their case stands now."""
    await connection.execute(QUERIES["alerts_replay"], list(alert_ids), now)


async def silences(connection: db.Connection, now: datetime) -> list[Silence]:
    """Return those that have not ended."""
    rows = await connection.fetch(QUERIES["silences_list"], now)
    return [Silence(**dict(row)) for row in rows]


async def add_silence(connection: db.Connection, silence: Silence, now: datetime) -> None:
    """Write down a silence."""
    await connection.execute(QUERIES["silence_add"], *astuple(silence), now)


async def end_silence(connection: db.Connection, silence_id: str, now: datetime) -> bool:
    """End a silence before its time; False when there is none that could end."""
    return await connection.fetchval(QUERIES["silence_end"], silence_id, now) is not None


async def release(connection: db.Connection, silence_ids: Sequence[str], now: datetime) -> None:
    """Owe what ended silences have held back."""
    await connection.execute(QUERIES["silenced_release"], list(silence_ids), now)


@dataclass(frozen=True, slots=True)
class Kept:
    """What was asked under an idempotency key, and what came of it: nothing yet while it is new."""

    fingerprint: str
    result: Mapping[str, Any]


async def claim_key(
    connection: db.Connection, action: str, key: str, fingerprint: str, now: datetime
) -> Kept:
    """Take a key until the transaction ends, after whoever has it now, and say what it holds."""
    [row] = await connection.fetch(QUERIES["request_claim"], action, key, fingerprint, now)
    return Kept(row["fingerprint"], row["result"])


async def keep_result(
    connection: db.Connection, action: str, key: str, result: Mapping[str, Any]
) -> None:
    """Answer the same request with the same result from now on."""
    await connection.execute(QUERIES["request_keep"], action, key, dict(result))
