"""Answers given elsewhere are kept here, whichever way they came."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from services.collect import decide, store, subjects
from services.collect.decide.about import subject, whose
from services.collect.model import Change, Feedback, Response, Submission, Wanted
from services.collect.policy import Policy
from shared import db


async def keep(
    connection: db.Connection, given: Sequence[Submission], policy: Policy, now: datetime
) -> dict[str, Response]:
    """Keep what is new of these and return that by id; the asks they answer are looked up.

    Raises LookupError or ValueError, before anything is written, when one fits no survey.
    """
    return await _kept(connection, [(each, now) for each in given], policy, now)


async def keep_old(
    connection: db.Connection,
    given: Sequence[tuple[Submission, datetime]],
    policy: Policy,
    now: datetime,
) -> int:
    """Keep answers of long ago, each with its own time; returns how many were new."""
    return len(await _kept(connection, given, policy, now))


async def _kept(
    connection: db.Connection,
    given: Sequence[tuple[Submission, datetime]],
    policy: Policy,
    now: datetime,
) -> dict[str, Response]:
    given = [(decide.promised(each, policy), at) for each, at in given]
    asked = await store.asked_about(connection, (key for each, _ in given for key in _wanted(each)))
    nameless = (each.correlation for each, _ in given if not each.customer_id)
    known = await subjects.of(connection, (each for each in nameless if each))
    changes = [
        _taken(each, policy, at, asked, known.get(each.correlation or "", ())) for each, at in given
    ]
    new = await store.add(connection, changes, now)
    changes += [decide.second(each) for each in await _beaten(connection, changes, new)]
    new |= await store.add(connection, changes[len(given) :], now)
    kept = (each.response for each in changes)
    return {each.response_id: each for each in kept if each.response_id in new}


async def _beaten(
    connection: db.Connection, changes: Iterable[Change], new: set[str]
) -> list[Change]:
    """Return what was not kept because another answer to the same ask came a moment before."""
    left = {
        each.response.response_id: each
        for each in changes
        if each.response.invitation_id and each.response.response_id not in new
    }
    known = await store.responses(connection, left)
    return [each for id, each in left.items() if id not in known]


def _wanted(given: Submission) -> Iterator[Wanted]:
    """Yield by what the asks are found that it may be about."""
    if given.invitation_id:
        yield "invitation", given.invitation_id
    if given.correlation:
        yield "correlation", given.correlation
    elif given.customer_id:
        yield "customer", given.customer_id


def _taken(
    given: Submission,
    policy: Policy,
    now: datetime,
    asked: store.Asked,
    known: Collection[str],
) -> Change:
    found = {id: each for key in _wanted(given) for id, each in asked.get(key, {}).items()}
    about = subject(given, found.values(), known, now)
    return decide.given_elsewhere(given, policy, now, about)


async def named(connection: db.Connection, said: Feedback) -> Feedback:
    """Return what was said with the customer that its correlation leads to, where none is given."""
    if said.customer_id is not None or said.correlation is None:
        return said
    key: Wanted = ("correlation", said.correlation)
    asked = await store.asked_about(connection, [key])
    known = await subjects.of(connection, [said.correlation])
    found = whose(asked.get(key, {}).values(), known.get(said.correlation, ()))
    return replace(said, customer_id=found, vouched=True) if found else said
