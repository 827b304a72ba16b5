"""What is known of customers' lives so far: loaded for deciding, and brought up to date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TypeVar

from services.ask import contacts
from services.ask.decide.heard import DONE
from services.ask.decide.looks import Coming, Counting
from services.ask.model import Candidate, Contact, DecisionId, History, Person, Seen
from shared import db, sql
from shared.contracts.base import Attribution
from shared.contracts.cases import CaseEvent
from shared.contracts.responses import Response
from shared.contracts.signals import Signal

QUERIES = sql.load(Path(__file__).parent / "lives.sql")
_SEPARATOR = "\x1f"
Look = TypeVar("Look", Counting, Coming)
Identity = tuple[str, str, str]


def identity(signal: Signal) -> Identity:
    """Return what a signal is known by, however often it arrives."""
    return signal.source, signal.source_event_id, signal.signal


async def add_customers(connection: db.Connection, customers: Iterable[str]) -> None:
    """Make these customers known; those who are already stay as they are."""
    unique = sorted(set(customers))
    if unique:
        await connection.execute(QUERIES["add_customers"], unique)


async def lock(connection: db.Connection, customers: Iterable[str]) -> None:
    """Make decisions about these customers wait for each other until this transaction ends."""
    unique = sorted(set(customers))
    await connection.execute(QUERIES["add_customers"], unique)
    await connection.execute(QUERIES["lock_customers"], unique)


async def load(
    connection: db.Connection, customers: Sequence[str], now: datetime
) -> dict[str, Person]:
    """Return these customers as they are now, with the moments whose time has come.

    What was heard of them is looked up by `look_back` and `look_for`: only what matters of it.
    """
    cards = await contacts.cards(connection, customers)
    opt_outs = await contacts.opt_outs(connection, customers)
    histories = await _histories(connection, customers)
    waiting = await _waiting(connection, customers, now)
    cases: defaultdict[str, set[str]] = defaultdict(set)
    for row in await connection.fetch(QUERIES["open_cases"], customers):
        cases[row["customer_id"]].add(row["case_id"])
    return {
        customer: Person(
            customer_id=customer,
            contact=cards.get(customer, Contact()),
            opt_outs=opt_outs.get(customer, frozenset()),
            history=histories.get(customer, History()),
            open_cases=frozenset(cases[customer]),
            waiting={each.decision_id: each for each in waiting[customer]},
        )
        for customer in customers
    }


async def look_back(
    connection: db.Connection, persons: Mapping[str, Person], looks: Iterable[Counting]
) -> None:
    """Let customers be known with what counts together with new signals of theirs."""
    alone, about = _split(looks)
    for query, rows in (("counted", alone), ("counted_about", about)):
        if rows:
            keys = [
                (each.customer_id, each.touchpoint, each.at, each.within, each.before, each.after)
                for each in rows
            ]
            await _see(connection, persons, query, _columns(keys), rows)


async def look_for(
    connection: db.Connection, persons: Mapping[str, Person], looks: Iterable[Coming]
) -> None:
    """Let customers be known with what came after moments of theirs."""
    alone, about = _split(looks)
    for query, rows in (("came", alone), ("came_about", about)):
        if rows:
            keys = [(each.customer_id, each.name, each.since, each.until) for each in rows]
            await _see(connection, persons, query, _columns(keys), rows)


async def heard_before(connection: db.Connection, signals: Sequence[Signal]) -> set[Identity]:
    """Return which of these signals are known, as (source, id, name)."""
    keys = [identity(each) for each in signals]
    rows = await connection.fetch(QUERIES["heard_before"], *_columns(keys)) if keys else []
    return {(row["source"], row["source_event_id"], row["signal"]) for row in rows}


async def remember(
    connection: db.Connection, heard: Sequence[tuple[Signal, Seen]], now: datetime
) -> None:
    """Keep signals that later ones may depend on."""
    rows = [
        (
            *identity(signal),
            signal.customer_id,
            signal.occurred_at,
            signal.correlation,
            _SEPARATOR.join(sorted(seen.counts_for)),
            seen.signal.model_dump(mode="json") if seen.signal else None,
            seen.traceparent,
        )
        for signal, seen in heard
    ]
    if rows:
        await connection.execute(QUERIES["remember"], *_columns(rows), now)


async def save_answers(connection: db.Connection, responses: Iterable[Response]) -> None:
    """Keep the last answer of each customer at each touchpoint."""
    newest: dict[tuple[str, str], datetime] = {}
    for each in responses:
        key = (each.customer_id, each.touchpoint)
        if each.score is not None:
            newest[key] = max(each.received_at, newest.get(key, each.received_at))
    rows = [(*key, at) for key, at in sorted(newest.items())]
    if rows:
        await connection.execute(QUERIES["save_answers"], *_columns(rows))


async def save_cases(connection: db.Connection, cases: Iterable[CaseEvent]) -> None:
    """Follow which cases somebody still works on."""
    newest: dict[str, CaseEvent] = {}
    for each in cases:
        known = newest.get(each.case_id)
        if known is None or known.version < each.version:
            newest[each.case_id] = each
    rows = [
        (each.case_id, each.customer_id, each.version, each.state not in DONE)
        for _, each in sorted(newest.items())
    ]
    if rows:
        await connection.execute(QUERIES["save_cases"], *_columns(rows))


async def customers_of_waiting(connection: db.Connection, ids: Sequence[str]) -> list[str]:
    """Return whose moments these are, as far as they still wait."""
    rows = await connection.fetch(QUERIES["customers_of_waiting"], ids)
    return sorted(row["customer_id"] for row in rows)


async def save_waiting(connection: db.Connection, waiting: Sequence[Candidate]) -> None:
    """Keep moments until their time comes, or put them off."""
    rows = [
        (
            each.decision_id,
            each.touchpoint,
            each.signal.customer_id,
            each.signal.model_dump(mode="json"),
            each.attribution.model_dump(mode="json"),
            each.due_at,
            dict(each.evidence),
            each.traceparent,
        )
        for each in waiting
    ]
    if rows:
        await connection.execute(QUERIES["save_waiting"], *_columns(rows))


async def drop_waiting(connection: db.Connection, ids: Sequence[DecisionId]) -> None:
    """Forget waiting moments; those that did not wait do no harm."""
    await connection.execute(QUERIES["drop_waiting"], ids)


async def start_rhythms(
    connection: db.Connection, touchpoints: Sequence[str], now: datetime
) -> None:
    """Let rhythms that are new begin now: they owe nothing to the time before."""
    await connection.execute(QUERIES["start_rhythms"], touchpoints, now)


async def take_rhythm(
    connection: db.Connection, touchpoints: Sequence[str], before: datetime
) -> tuple[str, datetime] | None:
    """Take the rhythm that is furthest behind, for this transaction; None when none is."""
    row = await connection.fetchrow(QUERIES["take_rhythm"], touchpoints, before)
    return (row["touchpoint"], row["swept_until"]) if row else None


async def rhythm_swept(connection: db.Connection, touchpoint: str, until: datetime) -> None:
    """Remember how far a rhythm has come."""
    await connection.execute(QUERIES["rhythm_swept"], touchpoint, until)


async def customers_between(
    connection: db.Connection, places: Sequence[tuple[float, float]]
) -> list[str]:
    """Return the customers whose spread lies between any of three pairs of places."""
    rows = await connection.fetch(QUERIES["customers_between"], *chain.from_iterable(places))
    return sorted(row["customer_id"] for row in rows)


def _split(looks: Iterable[Look]) -> tuple[list[Look], list[Look]]:
    """Return those at all of a customer's signals, and those at one correlation; each once."""
    unique = list(dict.fromkeys(looks))
    alone = [each for each in unique if each.correlation is None]
    return alone, [each for each in unique if each.correlation is not None]


async def _see(
    connection: db.Connection,
    persons: Mapping[str, Person],
    query: str,
    columns: Sequence[list[object]],
    looks: Sequence[Counting | Coming],
) -> None:
    """Put what a query finds where it belongs in time; what is known already stays as it is."""
    about = [each.correlation for each in looks if each.correlation is not None]
    rows = await connection.fetch(QUERIES[query], *columns, *([about] if about else []))
    fresh: defaultdict[str, list[Seen]] = defaultdict(list)
    for row in rows:
        fresh[row["customer_id"]].append(_seen(row))
    for customer, found in fresh.items():
        known = {(each.key, each.name) for each in persons[customer].seen}
        new = [each for each in found if (each.key, each.name) not in known]
        persons[customer].seen = sorted([*persons[customer].seen, *new], key=lambda each: each.at)


def _seen(row: db.Row) -> Seen:
    return Seen(
        name=row["signal"],
        at=row["occurred_at"],
        correlation=row["correlation"],
        key=(row["source"], row["source_event_id"]),
        counts_for=frozenset(row["counts_for"]),
        signal=Signal.model_validate(row["body"]) if row["body"] else None,
        traceparent=row["traceparent"],
    )


async def _waiting(
    connection: db.Connection, customers: Sequence[str], now: datetime
) -> Mapping[str, list[Candidate]]:
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for row in await connection.fetch(QUERIES["waiting"], customers, now):
        signal = Signal.model_validate(row["signal"])
        found[row["customer_id"]].append(
            Candidate(
                decision_id=DecisionId(str(row["decision_id"])),
                touchpoint=row["touchpoint"],
                signal=signal,
                attribution=Attribution.model_validate(row["attribution"]),
                due_at=row["due_at"] or signal.occurred_at,
                evidence=row["evidence"],
                traceparent=row["traceparent"],
            )
        )
    return found


async def _histories(connection: db.Connection, customers: Sequence[str]) -> Mapping[str, History]:
    """Return what these customers were asked, and what they answered."""
    asked: defaultdict[str, list[db.Row]] = defaultdict(list)
    for row in await connection.fetch(QUERIES["contact_history"], customers):
        asked[row["customer_id"]].append(row)
    answers: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for row in await connection.fetch(QUERIES["answers"], customers):
        answers[row["customer_id"]][row["touchpoint"]] = row["answered_at"]
    rows = await connection.fetch(QUERIES["spent"], customers)
    spent = {row["customer_id"]: row["at"] for row in rows}
    known = {*asked, *answers, *spent}
    return {each: _history(asked[each], answers[each], spent.get(each)) for each in known}


def _history(
    rows: Sequence[db.Row], answered: Mapping[str, datetime], spent: datetime | None
) -> History:
    sent = {row["touchpoint"]: row["sent_at"] for row in rows if row["sent_at"]}
    return History(
        last_contact=max((*sent.values(), *([spent] if spent else [])), default=None),
        pending=any(row["pending"] for row in rows),
        asked=frozenset(
            (row["touchpoint"], correlation)
            for row in rows
            for correlation in row["correlations"] or ()
        ),
        sent=sent,
        answered=answered,
    )


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def undecided(connection: db.Connection, before: datetime) -> dict[str, int]:
    """Count, by source, moments whose time came before this and that nobody decided."""
    rows = await connection.fetch(QUERIES["undecided"], before)
    return {row["source"]: row["waiting"] for row in rows}
