"""What must hold whatever was killed in between, told from tables, topics and what receivers got.

The services must have come to rest before: see tests.support.reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from email.utils import parseaddr
from typing import Any

from shared import topics
from shared.catalog.loader import load
from shared.contracts.asks import Decision
from tests.support import reading
from tests.support.stack import Stack, World

RULES: Mapping[str, str] = {
    "an ask comes of a decision to ask": """
        select invitation_id from ask.invitations
        left join ask.decisions using (decision_id) where outcome is distinct from 'ask'""",
    "an ask on its way ended, or is named as one nobody knows the end of": """
        select invitation_id, state from ask.invitations where state in ('planned', 'sending')""",
    "a low answer that is linked to its customer is in one case": """
        select response_id from collect.responses said
        left join route.responses routed using (response_id)
        left join route.cases cases on cases.case_id = routed.case_id
        where said.band = 'low' and said.completed_at is not null and not said.unlinked
          and cases.case_id is null""",
    "a case of one room stands in every room": """
        select case_id from route.cases full join close.cases using (case_id)
        full join console.cases using (case_id)
        where route.cases.case_id is null or close.cases.case_id is null
           or console.cases.case_id is null""",
    "a score that a case has is a score that was given": """
        select response_id from close.case_scores
        left join collect.responses using (response_id)
        where collect.responses.response_id is null""",
    "a case was told to a person or a system of its team, or escalated": """
        select case_id from route.cases where not exists (
            select from route.deliveries
            where deliveries.case_id = cases.case_id and owed and state in ('delivered', 'gathered')
        ) and not exists (
            select from close.case_events
            where case_events.case_id = cases.case_id and type = 'escalated'
        )""",
    "a history has no gap": """
        select case_id from close.case_events
        group by case_id having max(version) <> count(*)""",
    "nothing waits that could go": """
        select 'outbox of listen' from listen.outbox union all
        select 'outbox of ask' from ask.outbox union all
        select 'outbox of collect' from collect.outbox union all
        select 'outbox of route' from route.outbox union all
        select 'outbox of close' from close.outbox union all
        select 'candidate of ask' from ask.candidates
        where due_at < now() - interval '1 minute'""",
    "an open case has a timer": """
        select case_id from close.cases
        where ended_at is null
          and not exists (select from close.timers where ref = case_id and kind = 'case')""",
    "the metrics of closed loops are what the histories come to": """
        select metric, value, told from (
            select metric, sum(value) as value from close.tallies group by metric
        ) as counted
        join (
            select 'cases_' || type as metric, count(*) as told from close.case_events
            where type in ('acknowledged', 'contacted', 'resolved', 'escalated') group by type
            union all
            select 'case_' || clock || '_deadlines_breached', count(distinct case_id)
            from close.case_breaches where cycle = 1 group by clock
        ) as recomputed using (metric)
        where value <> told""",
}
"""What is asserted, and the query that finds what breaks it."""


async def check(world: World) -> None:
    """Fail with everything that does not add up; prints how much was looked at."""
    broken: dict[str, list[Any]] = {}
    async with world.stack.reading("public") as connection:
        for rule, query in RULES.items():
            broken[rule] = [tuple(row) for row in await connection.fetch(query)]
    for rule, find in OUTSIDE.items():
        broken[rule] = await find(world)
    assert {rule: rows[:5] for rule, rows in broken.items() if rows} == {}
    print(f"  ledger: {len(broken)} rules hold")


async def _unaccounted(world: World) -> list[Any]:
    """Records of source topics against what `listen` says became of them."""
    stack = world.stack
    sources = load(stack.catalog).sources_by_topic
    records = sum([len(await reading.records(stack, topic)) for topic in sources])
    async with stack.reading("listen") as connection:
        found = await connection.fetch(
            "select metric, sum(value) from tallies where metric = any($1) group by metric",
            ["signals", "answers", "profiles", "events_skipped", "signals_unused"],
        )
    fates = {metric: int(count) for metric, count in found}
    letters = [each.text_headers for each in await reading.records(stack, topics.DEAD_LETTERS)]
    places = {tuple(each[f"x-error-{part}"] for part in PLACE) for each in letters}
    fates["dead"] = sum(topic in sources for topic, *_ in places)
    return [] if sum(fates.values()) == records else [(records, fates)]


PLACE = ("topic", "partition", "offset")


async def _mailed_twice(world: World) -> list[Any]:
    """Asks that arrived more than once."""
    names = Counter(
        parseaddr(mail.message["Message-ID"])[1]
        for mail in world.mails.mails
        if mail.message["List-Unsubscribe"]
    )
    return [name for name, times in names.items() if times > 1]


async def _untold(world: World) -> list[Any]:
    """Decisions that stand in the table or on the topic alone."""
    told = {each.body.decision_id for each in await _decisions(world.stack)}
    async with world.stack.reading("ask") as connection:
        kept = {str(row[0]) for row in await connection.fetch("select decision_id from decisions")}
    return sorted(told ^ kept)


async def _decisions(stack: Stack) -> list[Any]:
    found = await reading.events(stack, topics.DECISIONS)
    return [event for event in found if isinstance(event.body, Decision)]


async def _too_soon(world: World) -> list[Any]:
    """Asks that followed another one sooner than the caps of the catalog allow."""
    caps = load(world.stack.catalog).policy.caps
    async with world.stack.reading("ask") as connection:
        return await connection.fetch(
            """select customer_id, one.sent_at, other.sent_at
               from invitations one join invitations other using (customer_id)
               where not one.exempt and not other.exempt and one.sent_at < other.sent_at
                 and other.sent_at - one.sent_at < $1""",
            caps.person,
        )


async def _undecided(world: World) -> list[Any]:
    """Calls about cases that no table knows: the effect of what never was committed."""
    told = {call.headers["webhook-id"] for call in world.hooks.calls}
    async with world.stack.reading("route") as connection:
        known = await connection.fetch(
            "select alert_id from deliveries where alert_id = any($1)", sorted(told)
        )
    return sorted(told - {row["alert_id"] for row in known})


OUTSIDE: Mapping[str, Callable[[World], Coroutine[Any, Any, list[Any]]]] = {
    "a record became something, was skipped, or lies with the dead letters": _unaccounted,
    "what was decided is told, and nothing else": _untold,
    "no customer is asked again sooner than the caps allow": _too_soon,
    "an ask is sent once": _mailed_twice,
    "what was told had been decided": _undecided,
}
"""What the tables alone cannot tell."""
