"""What `collect` keeps: rows become model values here, and every change goes out with its event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from services.collect import decide, traces
from services.collect.model import (
    Change,
    Feedback,
    Invitation,
    InvitationId,
    Promise,
    Response,
    ResponseId,
    Stopped,
    Wanted,
)
from shared import db, logs, outbox, sql, tallies, timers
from shared.contracts import responses as contract
from shared.contracts.answering import Silence
from shared.contracts.asks import Decision
from shared.contracts.base import Attribution
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import stable_id

QUERIES = sql.load(Path(__file__).parent / "queries.sql")
FINAL = "final"
"""Timer: an answer becomes final; its ref is the response id."""

Asked = dict[Wanted, dict[InvitationId, Invitation]]

# The queries take their arrays in the order of these fields.
_INVITATION = tuple(field.name for field in fields(Invitation) if field.name != "answered")
_RESPONSE = tuple(field.name for field in fields(Response))
_CHANGED = (
    "response_id",
    "score",
    "band",
    "comment",
    "contact_wanted",
    "answers",
    "changed_at",
    "completed_at",
    "revision",
    "draft",
)


def _value(row: object, column: str) -> Any:
    value = getattr(row, column)
    return value.model_dump(exclude_none=True) if isinstance(value, Attribution) else value


def _arrays(rows: Sequence[object], columns: Iterable[str]) -> list[list[Any]]:
    return [[_value(row, column) for row in rows] for column in columns]


def _facts(row: db.Row) -> dict[str, Any]:
    return {**row, "attribution": Attribution.model_validate(row["attribution"])}


async def save_invitations(connection: db.Connection, invitations: Sequence[Invitation]) -> None:
    """Keep the newest description of each."""
    newest: dict[InvitationId, Invitation] = {}
    for each in invitations:
        known = newest.get(each.invitation_id)
        if known is None or each.at >= known.at:
            newest[each.invitation_id] = each
    rows = sorted(newest.values(), key=lambda each: each.invitation_id)
    if rows:
        await connection.execute(QUERIES["save_invitations"], *_arrays(rows, _INVITATION))


async def invitation(connection: db.Connection, wanted: InvitationId) -> Invitation | None:
    """Return what `ask` last said about it; None while that is still on its way."""
    row = await connection.fetchrow(QUERIES["invitation"], wanted)
    return Invitation(**_facts(row)) if row else None


async def asked_about(connection: db.Connection, wanted: Iterable[Wanted]) -> Asked:
    """Return the asks that are looked for; those with an answer of whatever kind are `answered`."""
    by: dict[str, set[str]] = {"correlation": set(), "customer": set(), "invitation": set()}
    for kind, name in wanted:
        by[kind].add(name)
    found: Asked = {}
    given = [sorted(names) for names in by.values()]
    for row in await connection.fetch(QUERIES["asked_about"], *given) if any(given) else ():
        ask = Invitation(**_facts(row))
        for key in _keys(ask):
            found.setdefault(key, {})[ask.invitation_id] = ask
    return found


def _keys(ask: Invitation) -> tuple[Wanted, Wanted]:
    about: Wanted = ("customer", ask.customer_id)
    if ask.correlation is not None:
        about = ("correlation", ask.correlation)
    return ("invitation", ask.invitation_id), about


async def silences(
    connection: db.Connection, since: datetime, now: datetime
) -> tuple[Silence, ...]:
    """Count what became of the asks about what happened since then."""
    rows = await connection.fetch(QUERIES["silences"], since, now)
    return tuple(Silence(**row) for row in rows)


async def lock(connection: db.Connection, wanted: InvitationId) -> None:
    """Let nobody else answer this invitation, nor finish its answer, until the transaction ends."""
    await connection.execute(QUERIES["lock_invitation"], wanted)
    await timers.hold(connection, FINAL, [decide.response_id(wanted)])


async def response_to(connection: db.Connection, asked: InvitationId) -> Response | None:
    """Return the answer to an invitation."""
    row = await connection.fetchrow(QUERIES["response_to"], asked)
    return Response(**_facts(row)) if row else None


async def responses(connection: db.Connection, wanted: Iterable[ResponseId]) -> dict[str, Response]:
    """Return those of these answers that are there, by id."""
    ids = list(wanted)
    rows = await connection.fetch(QUERIES["responses"], ids) if ids else ()
    return {row["response_id"]: Response(**_facts(row)) for row in rows}


async def lock_unlinked(connection: db.Connection, wanted: ResponseId) -> None:
    """Let nobody else change this answer, nor finish it, until the transaction ends."""
    await timers.hold(connection, FINAL, [wanted])
    await connection.execute(QUERIES["lock_response"], wanted)


async def answered(connection: db.Connection, asked: InvitationId) -> None:
    """Remember that this link was used; not when, nor for which answer."""
    await connection.execute(QUERIES["answered"], asked)


async def start(connection: db.Connection, asked: InvitationId, said: contract.Response) -> None:
    """Remember that somebody was seen at a question, and say so once."""
    if await connection.fetchval(QUERIES["start"], asked, said.at) is None:
        return
    event = outbox.event(
        service="collect",
        type="touchback.response.started.v1",
        body=said,
        customer_id=said.customer_id,
        at=said.at,
        id=stable_id("response", "started", said.response_id),
    )
    await outbox.add(connection, [event], said.at)
    tally = tallies.Tally()
    tally.add("responses_started", said.touchpoint, said.survey)
    await tally.write(connection)


async def count_moments(connection: db.Connection, decisions: Sequence[Decision]) -> None:
    """Count the moments that could have been asked about, and those that were to be."""
    eligible, asked = Counter[tuple[date, str]](), Counter[tuple[date, str]]()
    for each in decisions:
        key = (each.occurred_at.date(), each.touchpoint)
        eligible[key] += decide.is_eligible(each)
        asked[key] += each.outcome == "ask"
    rows = [(*key, count, asked[key]) for key, count in sorted(eligible.items())]
    if rows:
        await connection.execute(QUERIES["count_moments"], *_columns(rows))


async def lock_unfinished(
    connection: db.Connection, wanted: Sequence[ResponseId]
) -> list[Response]:
    """Return and lock those of the answers that are not final yet."""
    rows = await connection.fetch(QUERIES["lock_unfinished"], list(wanted))
    return [Response(**_facts(row)) for row in rows]


async def add(connection: db.Connection, changes: Iterable[Change], now: datetime) -> set[str]:
    """Keep new answers and say so; returns the ids of the new ones, others stay as they are."""
    unique = {change.response.response_id: change for change in changes}
    rows = [change.response for change in unique.values()]
    if not rows:
        return set()
    added = await connection.fetch(QUERIES["add_responses"], *_arrays(rows, _RESPONSE))
    new = {row["response_id"] for row in added}
    await _say(connection, [unique[each] for each in unique if each in new], now)
    return new


async def change(connection: db.Connection, changes: Sequence[Change], now: datetime) -> None:
    """Keep answers that changed or became final, and say so."""
    rows = [change.response for change in changes if change.happenings or change.final_at]
    if rows:
        await connection.execute(QUERIES["change_responses"], *_arrays(rows, _CHANGED))
    finished = [each.response.response_id for each in changes if "completed" in each.happenings]
    await timers.cancel(connection, FINAL, finished)
    await _say(connection, changes, now)


async def save_cases(connection: db.Connection, events: Sequence[CaseEvent]) -> None:
    """Keep who has the case of an answer; the newest version of a case is for all its answers."""
    if not events:
        return
    rows = [(event.score.response_id, event.score.received_at, *_case(event)) for event in events]
    await connection.execute(QUERIES["save_cases"], *_columns(rows))
    newest: dict[str, CaseEvent] = {}
    for event in sorted(events, key=lambda each: each.version):
        newest[event.case_id] = event
    await connection.execute(
        QUERIES["update_cases"], *_columns([_case(event) for event in newest.values()])
    )


def _case(event: CaseEvent) -> tuple[Any, ...]:
    contact = next((each for each in event.deadlines if each.clock == "contact"), None)
    return (
        event.case_id,
        event.version,
        event.team,
        event.state,
        contact.due_at if contact else None,
        contact is not None and contact.met_at is not None,
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def promise(connection: db.Connection, wanted: ResponseId) -> Promise | None:
    """Return who has the case of an answer; None while nobody said so."""
    row = await connection.fetchrow(QUERIES["promise"], wanted)
    return Promise(**row) if row else None


async def add_feedback(connection: db.Connection, said: Feedback) -> bool:
    """Keep what was said unasked, and say so; False when it was there already."""
    message = decide.feedback(said)
    columns = (
        "feedback_id customer_id anonymous verified text score band urgent language channel origin"
        " received_at touchpoint correlation attribution"
    )
    values = [_value(message, column) for column in columns.split()]
    if await connection.fetchval(QUERIES["add_feedback"], *values) is None:
        return False
    event = outbox.event(
        service="collect",
        type="touchback.feedback.received.v1",
        body=message,
        customer_id=message.customer_id,
        at=said.received_at,
        id=stable_id("feedback", message.feedback_id),
    )
    await outbox.add(connection, [event], said.received_at)
    return True


async def feedback(connection: db.Connection, wanted: str) -> contract.Feedback | None:
    """Return what was said unasked by its id."""
    row = await connection.fetchrow(QUERIES["feedback"], wanted)
    return contract.Feedback(**_facts(row)) if row else None


async def opt_out(
    connection: db.Connection, asked: InvitationId, now: datetime, *, everything: bool
) -> None:
    """Remember that who was asked wants no more questions, or not this one, and say so once."""
    await connection.execute(QUERIES["lock_opt_outs"])
    await connection.execute(QUERIES["opt_out"], asked, now, everything)
    await _tell_opt_outs(connection, [asked], now)


async def say_opt_outs(
    connection: db.Connection, arrived: Sequence[InvitationId], now: datetime
) -> None:
    """Say which of the invitations that just arrived were used to opt out before."""
    if arrived:
        await connection.execute(QUERIES["lock_opt_outs_shared"])
        await _tell_opt_outs(connection, arrived, now)


async def _tell_opt_outs(
    connection: db.Connection, asked: Sequence[InvitationId], now: datetime
) -> None:
    rows = await connection.fetch(QUERIES["tell_opt_outs"], asked)
    await outbox.add(connection, [_opt_out(row) for row in rows], now)


def _opt_out(row: db.Row) -> outbox.Outgoing:
    touchpoint = None if row["everything"] else row["touchpoint"]
    return outbox.event(
        service="collect",
        type="touchback.opt-out.recorded.v1",
        body=contract.OptOut(
            customer_id=row["customer_id"],
            touchpoint=touchpoint,
            invitation_id=row["invitation_id"],
            at=row["at"],
        ),
        customer_id=row["customer_id"],
        at=row["at"],
        id=stable_id("opt-out", row["invitation_id"], *([touchpoint] if touchpoint else [])),
    )


async def opted_out(connection: db.Connection, asked: InvitationId) -> Stopped | None:
    """Return what this link was used to opt out of."""
    everything = await connection.fetchval(QUERIES["opted_out"], asked)
    return None if everything is None else "everything" if everything else "touchpoint"


def _message(response: Response, now: datetime) -> contract.Response:
    return contract.Response(
        response_id=response.response_id,
        touchpoint=response.touchpoint,
        survey=response.survey,
        metric=response.metric,
        customer_id=response.customer_id,
        score=response.score,
        band=response.band,
        answers={
            **response.answers,
            **({"contact_wanted": True} if response.contact_wanted else {}),
        },
        comment=response.comment,
        language=response.language,
        channel=response.channel,
        origin=response.origin,
        received_at=response.received_at,
        at=response.received_at if response.unlinked else now,
        stage=response.attribution.stage,
        invitation_id=response.invitation_id,
        correlation=response.correlation,
        attribution=response.attribution,
        attributes=response.attributes,
        anonymous=response.anonymous,
        unlinked=response.unlinked,
    )


def _events(change: Change, now: datetime) -> Iterator[outbox.Outgoing]:
    if not change.happenings:
        return
    response = change.response
    body = _message(response, now)
    for happening in change.happenings:
        # An answer is received once and completed once; it may be amended again and again.
        which = (str(response.revision),) if happening == "amended" else ()
        yield outbox.event(
            service="collect",
            type=f"touchback.response.{happening}.v1",
            body=body,
            customer_id=response.customer_id,
            at=body.at,
            id=stable_id("response", happening, response.response_id, *which),
        )


async def _say(connection: db.Connection, changes: Sequence[Change], now: datetime) -> None:
    parents = await traces.of(connection, [each.response for each in changes if each.happenings])
    said: list[outbox.Outgoing] = []
    for change in changes:
        with logs.trace(parents.get(change.response.response_id) or logs.traceparent(), "answer"):
            said += _events(change, now)
    await outbox.add(connection, said, now)
    await timers.schedule(
        connection,
        [
            timers.Timer(FINAL, each.response.response_id, each.final_at)
            for each in changes
            if each.final_at
        ],
    )
    finished = [each.response for each in changes if "completed" in each.happenings]
    tally = tallies.Tally()
    for each in finished:
        counter = "responses_imported" if each.origin == "import" else "responses"
        tally.add(counter, each.touchpoint, each.survey, each.band)
    await tally.write(connection)
