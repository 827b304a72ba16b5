"""Answers given elsewhere are kept here, whichever way they came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from services.collect import decide, store
from services.collect.model import Change, Feedback, Invitation, Response, Submission
from services.collect.policy import Policy
from shared import db


async def keep(
    connection: db.Connection, given: Sequence[Submission], policy: Policy, now: datetime
) -> dict[str, Response]:
    """Keep what is new of these and return that by id; who is named by no id is looked up.

    Raises LookupError or ValueError, before anything is written, when one fits no survey.
    """
    given = [decide.promised(each, policy) for each in given]
    asked = await store.asked_about(connection, _unnamed(given))
    changes = [_taken(each, policy, now, asked) for each in given]
    new = await store.add(connection, changes, now)
    kept = (each.response for each in changes)
    return {each.response_id: each for each in kept if each.response_id in new}


async def keep_old(
    connection: db.Connection,
    given: Sequence[tuple[Submission, datetime]],
    policy: Policy,
    now: datetime,
) -> int:
    """Keep answers of long ago, each with its own time; returns how many were new."""
    given = [(decide.promised(each, policy), at) for each, at in given]
    asked = await store.asked_about(connection, _unnamed(each for each, _ in given))
    return len(
        await store.add(connection, [_taken(each, policy, at, asked) for each, at in given], now)
    )


def _unnamed(given: Iterable[Submission]) -> Iterator[str]:
    """Yield the orders and tickets by which a customer is to be found."""
    for each in given:
        if each.customer_id is None and each.correlation:
            yield each.correlation


def _taken(
    given: Submission, policy: Policy, now: datetime, asked: dict[str, list[Invitation]]
) -> Change:
    found = decide.subject(given.touchpoint, asked.get(given.correlation or "", ()))
    return decide.given_elsewhere(given, policy, now, None if given.customer_id else found)


async def named(connection: db.Connection, said: Feedback) -> Feedback:
    """Return what was said with the customer that its correlation leads to, where none is given."""
    if said.customer_id is not None or said.correlation is None:
        return said
    asked = await store.asked_about(connection, [said.correlation])
    found = decide.subject("", asked.get(said.correlation, ()))
    return replace(said, customer_id=found.customer_id, vouched=True) if found else said
