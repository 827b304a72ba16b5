"""Deliveries as rows, and the health of endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from services.route import policy
from services.route.decide import Refusal
from services.route.model import (
    CaseNow,
    Delivery,
    Known,
    Occasion,
    Owed,
    Progress,
)
from services.route.store.asked import silences
from services.route.store.queries import QUERIES
from shared import db
from shared.catalog import PEOPLE
from shared.contracts.cases import Deadline


async def add_deliveries(
    connection: db.Connection, given: Sequence[Owed], now: datetime
) -> list[Owed]:
    """Owe these alerts; returns those that were not owed before, each once."""
    alerts = list({owed.delivery.alert_id: owed for owed in given}.values())
    if not alerts:
        return []
    columns = [list(column) for column in zip(*map(_delivery_row, alerts), strict=True)]
    rows = await connection.fetch(QUERIES["deliveries_add"], *columns, now)
    added = {row["alert_id"] for row in rows}
    return [owed for owed in alerts if owed.delivery.alert_id in added]


def _delivery_row(owed: Owed) -> tuple[object, ...]:
    alert = owed.delivery
    return (
        alert.alert_id,
        alert.case_id,
        alert.response_id,
        alert.customer_id,
        alert.touchpoint,
        alert.team,
        alert.priority,
        alert.channel,
        alert.kind,
        alert.endpoint,
        dict(alert.notice),
        alert.received_at,
        alert.traceparent,
        owed.next_at,
        owed.state,
        alert.rank,
        alert.round,
        alert.owed,
        owed.digest_id,
        owed.silence_id,
        None if alert.receipt is None else dict(alert.receipt),
    )


async def known(connection: db.Connection, alerts: Sequence[Delivery], now: datetime) -> Known:
    """Load what decides when these alerts go out."""
    endpoints = sorted({alert.endpoint for alert in alerts})
    refusing = await connection.fetch(QUERIES["endpoints_refusing"], endpoints)
    places = sorted(
        {(alert.endpoint, alert.touchpoint) for alert in alerts if alert.kind in PEOPLE}
    )
    since = now - policy.STORM_SPAN
    lately = (
        await connection.fetch(
            QUERIES["alerts_lately"],
            [endpoint for endpoint, _ in places],
            [touchpoint for _, touchpoint in places],
            since,
            now - policy.LATELY,
            sorted(policy.GATHERED),
        )
        if places
        else []
    )
    found = {(row["endpoint"], row["touchpoint"]): row for row in lately}
    return Known(
        health={row["endpoint"]: row["state"] for row in refusing},
        silences=await silences(connection, now),
        lately={place: row["lately"] for place, row in found.items()},
        digests={place: row["digest"] for place, row in found.items() if row["digest"]},
        digested_at={p: row["digested_at"] for p, row in found.items() if row["digested_at"]},
    )


async def claim(
    connection: db.Connection,
    now: datetime,
    lease_until: datetime,
    rooms: Mapping[str, int],
    limit: int,
    per_endpoint: int,
) -> list[Delivery]:
    """Lease due alerts. `rooms` says how many more an endpoint takes where it is not the usual."""
    rows = await connection.fetch(
        QUERIES["deliveries_claim"],
        now,
        lease_until,
        list(rooms),
        list(rooms.values()),
        limit,
        per_endpoint,
    )
    return [Delivery(**dict(row)) for row in rows]


async def settle(connection: db.Connection, rows: Sequence[tuple[object, ...]]) -> set[str]:
    """Write down attempts as (alert, fence, state, next_at, failure, delivered_at, receipt).

    Returns the alerts whose lease still held.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await connection.fetch(QUERIES["deliveries_settle"], *columns)
    return {row["alert_id"] for row in found}


async def hold_cases(
    connection: db.Connection, case_ids: Iterable[str], digests: Sequence[str] = ()
) -> None:
    """Keep others from changing these cases and their alerts until this transaction is over.

    Those of which digests tell are held too.
    """
    await connection.execute(QUERIES["cases_hold"], list(case_ids), list(digests))


async def hold_others(
    connection: db.Connection, alerts: Sequence[Delivery], digests: Sequence[str]
) -> None:
    """Hold what is on its way of the same notices, as `hold_cases` does for those of no case."""
    if alerts or digests:
        of = [alert.response_id for alert in alerts]
        await connection.execute(QUERIES["deliveries_hold"], of, list(digests))


async def unheard(
    connection: db.Connection, occasions: Iterable[Occasion]
) -> dict[Occasion, frozenset[str]]:
    """Return those of these that no channel accepted nor still may, with the endpoints tried.

    The cases must be held, and the alerts of no case.
    """
    columns = [list(column) for column in zip(*occasions, strict=True)]
    rows = await connection.fetch(QUERIES["deliveries_unheard"], *columns)
    return {
        (row["case_id"], row["response_id"], row["round"]): frozenset(row["tried"]) for row in rows
    }


async def spare(connection: db.Connection, heard: Sequence[Delivery]) -> None:
    """Spare the further channels of teams of which one has accepted."""
    if heard:
        columns = [list(column) for column in zip(*map(_chain, heard), strict=True)]
        await connection.execute(QUERIES["deliveries_spare"], *columns, sorted(PEOPLE))


async def fail_over(connection: db.Connection, lost: Sequence[Delivery], now: datetime) -> None:
    """Make the next channel due after those that will not do it."""
    if lost:
        columns = [list(column) for column in zip(*map(_chain, lost), strict=True)]
        ranks = [alert.rank for alert in lost]
        await connection.execute(
            QUERIES["deliveries_fail_over"], *columns, ranks, now, sorted(PEOPLE)
        )


def _chain(alert: Delivery) -> tuple[str, ...]:
    return (*alert.occasion, alert.team)


async def drop(connection: db.Connection, alert_ids: Sequence[str]) -> None:
    """Alerts that are not needed any more."""
    if alert_ids:
        await connection.execute(QUERIES["deliveries_drop"], list(alert_ids))


async def forget(connection: db.Connection, alert_ids: Sequence[str]) -> None:
    """Make room for an alert that is told again and again, unless it is on its way."""
    if alert_ids:
        await connection.execute(QUERIES["deliveries_forget"], list(alert_ids))


async def members(
    connection: db.Connection, digest_ids: Sequence[str]
) -> dict[str, list[Delivery]]:
    """Return what these digests hold by now."""
    found: dict[str, list[Delivery]] = {digest_id: [] for digest_id in digest_ids}
    for row in await connection.fetch(QUERIES["deliveries_members"], list(digest_ids)):
        fields = dict(row)
        found[fields.pop("digest_id")].append(Delivery(**fields))
    return found


async def digested(
    connection: db.Connection, digest_ids: Sequence[str], state: Progress, at: datetime
) -> list[Delivery]:
    """Let what was gathered share the fate of its digest; returns it."""
    if not digest_ids:
        return []
    rows = await connection.fetch(QUERIES["deliveries_digested"], list(digest_ids), state, at)
    return [Delivery(**dict(row)) for row in rows]


async def refuse(
    connection: db.Connection, rows: Sequence[tuple[str, str, str, str]], now: datetime
) -> set[str]:
    """Mark endpoints as (endpoint, state, target, failure); returns those that are news."""
    if not rows:
        return set()
    columns = [list(column) for column in zip(*rows, strict=True)]
    found = await connection.fetch(QUERIES["endpoints_refuse"], *columns, now)
    return {row["endpoint"] for row in found}


async def refusals(connection: db.Connection) -> dict[str, Refusal]:
    """Return the endpoints that refuse us."""
    rows = [dict(row) for row in await connection.fetch(QUERIES["endpoints_all"])]
    return {row.pop("endpoint"): Refusal(**row) for row in rows}


async def accept(connection: db.Connection, endpoints: Iterable[str]) -> None:
    """Forget that these have refused us."""
    names = sorted(set(endpoints))
    if names:
        await connection.execute(QUERIES["endpoints_accept"], names)


async def current(connection: db.Connection, case_ids: Iterable[str]) -> list[Delivery]:
    """Return the delivered alerts about these cases whose messages can be changed."""
    ids = sorted(set(case_ids))
    if not ids:
        return []
    kinds = sorted(policy.KEPT_CURRENT)
    rows = await connection.fetch(QUERIES["deliveries_current"], ids, kinds)
    return [Delivery(**dict(row)) for row in rows]


async def overtaken(connection: db.Connection, cases: Sequence[CaseNow]) -> None:
    """Alerts still on their way say how the case stands; those of ended cases are not needed."""
    ended = [case.case_id for case in cases if case.state in policy.ENDED]
    ids, versions = [case.case_id for case in cases], [case.version for case in cases]
    await connection.execute(QUERIES["deliveries_stale"], ids, versions, ended)
    await connection.execute(
        QUERIES["deliveries_renew"],
        ids,
        versions,
        [case.state for case in cases],
        [case.assignee for case in cases],
    )


async def cases_now(connection: db.Connection, case_ids: Iterable[str]) -> dict[str, CaseNow]:
    """Return how these cases stand."""
    rows = await connection.fetch(QUERIES["cases_now"], sorted(set(case_ids)))
    return {
        row["case_id"]: CaseNow(
            row["case_id"],
            row["version"],
            row["state"],
            row["snapshot"].get("assignee"),
            row["snapshot"].get("reason"),
            tuple(Deadline.model_validate(each) for each in row["snapshot"]["deadlines"]),
        )
        for row in rows
    }


async def teams(connection: db.Connection, case_ids: Sequence[str]) -> dict[str, str]:
    """Return which teams own these cases."""
    if not case_ids:
        return {}
    rows = await connection.fetch(QUERIES["cases_teams"], list(case_ids))
    return {row["case_id"]: row["team"] for row in rows}


async def mark_routed(
    connection: db.Connection, case_ids: Iterable[str], now: datetime
) -> set[str]:
    """Mark that a channel accepted the case; returns the cases for which it was the first one."""
    rows = await connection.fetch(QUERIES["cases_routed"], list(case_ids), now)
    return {row["case_id"] for row in rows}
