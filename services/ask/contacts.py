"""What `ask` keeps of customers: contact cards, wishes to be left alone, and who was erased."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.ask.model import DECIDE, Contact, OptOuts
from shared import db, sql
from shared.contracts.responses import OptOut
from shared.contracts.signals import Profile
from shared.erasure import customer_key, tombstones
from shared.timers import Timer, schedule

QUERIES = sql.load(Path(__file__).parent / "contacts.sql")
CARD = tuple(field.name for field in fields(Contact))
ADDRESSES = ("email", "phone")
KEYS_KEPT = timedelta(days=7)
"""How long the same Idempotency-Key means the same request."""

_NEVER = datetime.min.replace(tzinfo=UTC)


_RENAMED = (
    "erase_candidates",
    "erase_decisions",
    "erase_invitations",
    "erase_signals",
    "erase_cases",
    "erase_spends",
)
_DELETED = (
    "erase_opt_outs_named",
    "erase_card",
    "erase_bands",
    "erase_answers",
    "erase_lock",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one card, as it is from `at` on; a value of None takes it away."""

    customer_id: str
    field: str
    value: str | None
    at: datetime


def changes(profile: Profile) -> Iterable[Change]:
    """Return what an update says; it keeps silent about fields that are None."""
    said: dict[str, Any] = {name: getattr(profile, name, None) for name in CARD}
    if profile.consent is not None:
        said["consent_source"] = profile.consent_source or profile.source
        said["consent_at"] = (profile.consent_at or profile.updated_at).isoformat()
    for name, value in said.items():
        if value is not None:
            yield Change(profile.customer_id, name, str(value), profile.updated_at)


async def save_profiles(connection: db.Connection, profiles: Iterable[Profile]) -> None:
    """Bring cards up to date; what was said before a customer was erased counts no more."""
    said = [change for profile in profiles for change in changes(profile)]
    gone = await erased(connection, sorted({each.customer_id for each in said}))
    fresh = [
        each for each in said if each.customer_id not in gone or each.at > gone[each.customer_id]
    ]
    await save(connection, fresh)
    back = sorted({each.customer_id for each in fresh} & gone.keys())
    if back:
        await connection.execute(QUERIES["restore_opt_outs"], back, [customer_key(c) for c in back])


async def save(connection: db.Connection, said: Iterable[Change]) -> None:
    """Write fields; the newest value of each wins whatever order they come in."""
    newest: dict[tuple[str, str], Change] = {}
    for each in said:
        known = newest.get((each.customer_id, each.field))
        if known is None or known.at <= each.at:
            newest[each.customer_id, each.field] = each
    rows = [(*key, each.value, each.at) for key, each in sorted(newest.items())]
    if rows:
        await connection.execute(QUERIES["save_cards"], *_columns(rows))


async def replace(
    connection: db.Connection, customer: str, card: Mapping[str, str | None], now: datetime
) -> None:
    """Put a whole card in the place of what was known: a field that is None is taken away."""
    await save(connection, (Change(customer, name, value, now) for name, value in card.items()))
    if customer in await erased(connection, [customer]):
        await connection.execute(QUERIES["restore_opt_outs"], [customer], [customer_key(customer)])


async def cards(connection: db.Connection, customers: Sequence[str]) -> dict[str, Contact]:
    """Return the contact cards there are; an address that bounced is not on them."""
    rows = await connection.fetch(QUERIES["cards"], customers)
    return {row["customer_id"]: _contact(row["card"]) for row in rows}


async def dead(connection: db.Connection, customer: str) -> list[str]:
    """Return which addresses of a customer bounced."""
    return [row["field"] for row in await connection.fetch(QUERIES["dead_fields"], customer)]


async def address(connection: db.Connection, customer: str, field: str) -> tuple[str, str | None]:
    """Return an address, "" when there is none, and the one that bounced before it."""
    row = await connection.fetchrow(QUERIES["address"], customer, field)
    return (row["value"], row["dead_value"]) if row else ("", None)


async def mark_dead(
    connection: db.Connection, customer: str, field: str, bounced: str | None, known: str | None
) -> None:
    """Use the address that bounced no more; `known` is the one on the card, if it is the same."""
    await connection.execute(QUERIES["mark_dead"], customer, field, bounced, known)


async def save_opt_outs(connection: db.Connection, opt_outs: Iterable[OptOut]) -> None:
    """Remember who does not want to be asked any more."""
    said = list(opt_outs)
    gone = await erased(connection, sorted({each.customer_id for each in said}))
    rows: list[tuple[object, ...]] = [
        (_named(each.customer_id, each.at, gone), each.touchpoint, each.invitation_id, each.at)
        for each in said
    ]
    if rows:
        await connection.execute(QUERIES["add_opt_outs"], *_columns(rows))


async def lift_opt_out(connection: db.Connection, customer: str, touchpoint: str | None) -> bool:
    """Take back a wish to be left alone; False when there is none such."""
    gone = await connection.fetchval(QUERIES["lift_opt_out"], customer, touchpoint)
    return gone is not None


async def opt_outs(connection: db.Connection, customers: Sequence[str]) -> dict[str, OptOuts]:
    """Return what these customers do not want to be asked about."""
    found: defaultdict[str, set[str | None]] = defaultdict(set)
    for row in await connection.fetch(QUERIES["opt_outs"], customers):
        found[row["customer_id"]].add(row["touchpoint"])
    return {customer: frozenset(touchpoints) for customer, touchpoints in found.items()}


async def erased(connection: db.Connection, customers: Sequence[str]) -> dict[str, datetime]:
    """Return which of these were erased, and when."""
    names = {customer_key(each): each for each in customers}
    return {names[key]: at for key, at in (await tombstones(connection, names)).items()}


async def erase(connection: db.Connection, customer: str, name: str, now: datetime) -> None:
    """Remove identity and words; what was decided and counted stays, without the person.

    Wishes to be left alone stay under the name that a customer who comes back is recognised by.
    """
    # Whoever decides or spends just now holds the customer: what they write is erased too.
    await connection.execute(QUERIES["add_customer"], customer)
    await connection.execute(QUERIES["hold_customer"], customer)
    await connection.execute(QUERIES["erase_opt_outs"], customer, customer_key(customer))
    for query in _RENAMED:
        await connection.execute(QUERIES[query], customer, name)
    for query in _DELETED:
        await connection.execute(QUERIES[query], customer)
    waiting = await connection.fetch(QUERIES["waiting_erased"], name)
    # Timers of their own: setting those that a sweep holds would wait for that sweep.
    refs = (f"{row['decision_id']}@erased" for row in waiting)
    await schedule(connection, (Timer(DECIDE, ref, now) for ref in refs))


@dataclass(frozen=True, slots=True)
class Once:
    """What was answered to a request, to be answered again to the same one."""

    fingerprint: str
    status: int
    said: Mapping[str, Any]


async def once(
    connection: db.Connection, action: str, key: str, fingerprint: str, now: datetime
) -> Once | None:
    """Return what was said to this key before; None when it is new, and now in our hands."""
    if await connection.fetchval(QUERIES["once_claim"], action, key, fingerprint, now):
        return None
    row = await connection.fetchrow(QUERIES["once_read"], action, key)
    return Once(row["fingerprint"], row["status"], row["result"]) if row else None


async def keep_once(connection: db.Connection, action: str, key: str, once: Once) -> None:
    """Remember what was said to a key."""
    await connection.execute(QUERIES["once_keep"], action, key, once.status, dict(once.said))


def _named(customer: str, at: datetime, gone: Mapping[str, datetime]) -> str:
    return customer_key(customer) if customer in gone and at <= gone[customer] else customer


def _contact(card: Mapping[str, Any]) -> Contact:
    known = {name: value for name, value in card.items() if name in CARD}
    if "value" in known:
        known["value"] = float(known["value"])
    return Contact(**known)


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
