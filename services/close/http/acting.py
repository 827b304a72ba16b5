"""One way to act on a case, whoever asks: a tool, a link in a mail, a button in Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

from starlette.exceptions import HTTPException

from services.close import record, store
from services.close.decide import name_of, transition
from services.close.model import OPEN, Attach, Case, Changed, PersonAction, Refused
from services.close.policy import Policy
from shared import db
from shared.catalog.findings import suggest
from shared.clock import Clock
from shared.contracts import api
from shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Done:
    """It was done, now or by the same request before."""

    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such case."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """What was sent does not fit the case or the catalog."""

    title: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The case is not where this would be possible."""

    case: Case
    refused: Refused


Outcome: TypeAlias = Done | Missing | Unfit | Rejected


class Acting:
    """Does things to cases, each once however often its key comes."""

    def __init__(self, database: db.Database, clock: Clock, policy: Callable[[], Policy]) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy

    async def case(self, case_id: str) -> store.Shown | None:
        """Return a case as it is."""
        async with at_hand(self._database) as connection:
            return await store.read(connection, case_id)

    async def act(self, case_id: str, action: PersonAction, key: str) -> Outcome:
        """Do it, unless it is not possible; the same key gives the first result again."""
        async with at_hand(self._database, write=True) as connection:
            ids = [case_id, action.into] if isinstance(action, api.Merge) else [case_id]
            cases = await record.held(connection, ids)
            if case_id not in cases:
                return Missing()
            name = name_of(action)
            fingerprint = sha256(action.model_dump_json().encode()).hexdigest()
            kept = await store.result_of(connection, case_id, name, key)
            if kept is not None and kept.fingerprint != fingerprint:
                return Unfit("this Idempotency-Key was used for something else")
            if kept is not None:
                return Done(kept.result)
            outcome = await self._decided(connection, cases, case_id, action)
            if isinstance(outcome, Done):
                kept = store.Kept(fingerprint, outcome.result)
                await store.keep_result(connection, case_id, name, key, kept, self._clock.now())
            return outcome

    async def _decided(
        self,
        connection: db.Connection,
        cases: dict[str, Case],
        case_id: str,
        action: PersonAction,
    ) -> Outcome:
        now, case = self._clock.now(), cases[case_id]
        unfit = _unfit(case, action, cases, self._policy())
        if unfit is not None:
            return unfit
        decision = transition(case, action, now)
        if isinstance(decision, Refused):
            return Rejected(case, decision)
        changes = [decision]
        if isinstance(action, api.Merge):
            # What the customer said stays in sight where the work goes on.
            joined = transition(cases[action.into], Attach(case.event.score, "merged_from"), now)
            changes += [joined] if isinstance(joined, Changed) else []
            await store.add_scores(connection, [(action.into, case.event.score)])
        await record.changed(connection, changes, self._policy(), now)
        return Done({"case": store.document(decision.case.event)})


def _unfit(
    case: Case, action: PersonAction, cases: dict[str, Case], policy: Policy
) -> Unfit | None:
    match action:
        case api.Reassign(team=team) if team is not None and team not in policy.teams:
            return Unfit("there is no such team", f"the catalog has no {team}")
        case api.Resolve(root_cause=cause):
            known = policy.causes_of(case.event.team)
            if known and cause not in known:
                return Unfit(
                    "there is no such root cause", f'no "{cause}", {suggest(cause, known)}'
                )
        case api.Merge(into=into):
            return _unmergeable(case, cases.get(into))
        case _:
            pass
    return None


def _unmergeable(case: Case, into: Case | None) -> Unfit | None:
    if into is None or into.id == case.id:
        return Unfit("there is no such case to merge into", "name another case in `into`")
    if into.event.customer_id != case.event.customer_id:
        return Unfit("the other case is of another customer", "only cases of one customer merge")
    if into.event.state not in OPEN:
        return Unfit("the other case is not open", "reopen it first, or merge the other way")
    return None


@asynccontextmanager
async def at_hand(database: db.Database, *, write: bool = False) -> AsyncIterator[db.Connection]:
    """Lend a connection; a database that is away is a 503, and nothing was changed."""
    try:
        async with database.transaction() if write else database.connection() as connection:
            yield connection
    except (Unavailable, *db.AWAY) as error:
        raise HTTPException(503, "the database is away, nothing was changed; try again") from error
