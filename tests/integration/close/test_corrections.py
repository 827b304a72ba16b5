"""A customer's correction counts, whether it comes before the case, with it or after it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.close import handlers, store
from services.close.erasure import Eraser
from shared import db
from shared.consume import Item
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.erasure import stand_in
from tests.integration.close.cases import POLICY, published, take, told
from tests.integration.close.test_time import HOUR, RULES, answer
from tests.support.clock import START
from tests.support.wait import eventually
from tests.unit.close.cases import a_score, an_event

ATTACHED = "touchback.case.attached.v1"
NUMBERS = count(1)


def opened(case_id: str = "c1", at: datetime | None = START) -> Item[Event]:
    """A case that a score of 2, said at that time, opens."""
    score = a_score(f"r-{case_id}").model_copy(update={"at": at})
    return told(an_event(case_id, policy=RULES, score=score))


def attached(case_id: str = "c1") -> Item[Event]:
    """A further score, received some hours later."""
    later = START + 4 * HOUR
    score = a_score(f"s-{case_id}", later, 1).model_copy(update={"at": later})
    return told(an_event(case_id, policy=RULES, score=score), ATTACHED)


def amended(
    score: int, hour: int, response_id: str = "r-c1", words: str | None = None
) -> Item[Event]:
    """What a score was changed to, so many hours later."""
    band = "low" if score < 7 else "high"
    at = START + hour * HOUR
    return answer(band, response_id, "amended", correlation=None, score=score, at=at, comment=words)


async def end_of(close: db.Database, case_id: str = "c1") -> CaseEvent:
    async with close.connection() as connection:
        shown = await store.read(connection, case_id)
    assert shown is not None
    return shown.event


async def kept(close: db.Database) -> Sequence[db.Row]:
    async with close.connection() as connection:
        return await connection.fetch("select * from corrections order by response_id")


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([[opened()], [amended(9, 1)]], id="after the case"),
        pytest.param([[opened(), amended(9, 1)]], id="with it"),
        pytest.param([[amended(9, 1), opened()]], id="with it, read first"),
        pytest.param([[amended(9, 1)], [opened()]], id="before it"),
        pytest.param([[amended(9, 1)], [opened(at=None)]], id="before one of an older router"),
        pytest.param([[amended(8, 1)], [amended(9, 2)], [opened()]], id="twice before it"),
        pytest.param([[amended(9, 2)], [opened(), amended(8, 1)]], id="once late"),
    ],
)
async def test_a_case_ends_with_the_correction_of_its_score(
    close: db.Database, batches: list[list[Item[Event]]]
) -> None:
    for batch in batches:
        await take(close, *batch)
    event = await end_of(close)
    assert (event.state, event.reason, event.score.score) == (
        "corrected",
        "corrected_by_customer",
        9,
    )
    assert [type.split(".")[2] for type, _ in await published(close)] == ["corrected"]
    assert await kept(close) == []


async def test_what_was_chosen_beside_a_score_comes_with_it(close: db.Database) -> None:
    more = {"reasons": ["price"], "effort": 4}
    body = amended(3, 1).value.body
    assert isinstance(body, Response)
    item = amended(3, 1)
    event = replace(item.value, body=body.model_copy(update={"answers": more}))
    await take(close, replace(item, value=event))
    await take(close, opened())
    score = (await end_of(close)).score
    assert (score.score, score.reasons, score.effort) == (3, ("price",), 4)


async def test_what_was_said_before_the_score_that_opened_a_case_does_not_end_it(
    close: db.Database,
) -> None:
    await take(close, amended(9, 1))
    await take(close, opened(at=START + 2 * HOUR))
    await take(close, answer("high", "r-c1", correlation=None, score=9, at=START))
    assert (await end_of(close)).state == "assigned"
    assert await published(close) == []


async def test_a_score_that_becomes_low_again_brings_the_case_back(close: db.Database) -> None:
    await take(close, opened(), amended(9, 1))
    await take(close, amended(1, 2))
    event = await end_of(close)
    assert (event.state, event.previous, event.score.score) == ("assigned", "corrected", 1)
    async with close.connection() as connection:
        assert [row["ref"] for row in await connection.fetch("select ref from timers")] == ["c1"]


async def test_a_low_score_that_joins_a_case_just_corrected_brings_it_back(
    close: db.Database,
) -> None:
    await take(close, opened(), amended(9, 1))
    await take(close, attached())
    event = await end_of(close)
    assert (event.state, event.previous, event.score.score) == ("assigned", "corrected", 1)


@st.composite
def histories(draw: st.DrawFn) -> tuple[str, list[Item[Event]], list[int]]:
    """What is said of one case, as two topics have it, in any order and cut into any batches."""
    case_id = f"h{next(NUMBERS)}"
    told_of = [opened(case_id), *([attached(case_id)] if draw(st.booleans()) else [])]
    scores = draw(st.lists(st.sampled_from([0, 3, 8, 10]), min_size=1, max_size=3, unique=True))
    said = [
        amended(score, hour, f"{draw(st.sampled_from('rs'))}-{case_id}", f"word {hour}")
        for hour, score in enumerate(scores, 5)
    ]
    places = draw(st.permutations([*["case"] * len(told_of), *["score"] * len(said)]))
    cases, words = iter(told_of), iter(said)
    events = [next(cases) if place == "case" else next(words) for place in places]
    cuts = [draw(st.booleans()) for _ in events]
    return case_id, events, [number for number, cut in enumerate(cuts) if cut]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(histories())
async def test_in_any_order_and_in_any_batches_a_case_comes_to_the_same(
    close: db.Database, history: tuple[str, list[Item[Event]], list[int]]
) -> None:
    case_id, events, cuts = history
    ends = [*cuts, len(events)]
    for start, end in zip([0, *ends], ends, strict=False):
        if start < end:
            await take(close, *events[start:end])
    found = await end_of(close, case_id)

    # The same, of a case that is there before everything that is said of it.
    plain = f"p{next(NUMBERS)}"
    ordered = sorted(events, key=lambda item: not isinstance(item.value.body, CaseEvent))
    for item in ordered:
        await take(close, _renamed(item, case_id, plain))
    expected = await end_of(close, plain)
    assert _essence(found, case_id) == _essence(expected, plain)


def _essence(event: CaseEvent, case_id: str) -> tuple[object, ...]:
    score = event.score
    name = score.response_id.removesuffix(case_id)
    due = {each.clock: each.due_at for each in event.deadlines}
    return event.state, event.priority, event.team, name, score.score, score.comment, due


def _renamed(item: Item[Event], old: str, new: str) -> Item[Event]:
    body = item.value.body
    if isinstance(body, Response):
        name = body.response_id.replace(old, new)
        return amended(body.score or 0, _hour(body), name, body.comment)
    return attached(new) if item.value.type == ATTACHED else opened(new)


def _hour(body: Response) -> int:
    return int((body.at - START) / HOUR)


async def test_a_case_and_its_correction_in_two_transactions_at_once_do_not_miss_each_other(
    close: db.Database,
) -> None:
    handle = handlers.Handlers(lambda: POLICY).handle
    for first, second in ((opened("a"), amended(9, 1, "r-a")), (amended(9, 1, "r-b"), opened("b"))):
        async with close.transaction() as connection:
            await handle(connection, [first], START)
            other = asyncio.create_task(take(close, second))
            await eventually(lambda: _somebody_waits(close), within=10)
        await other
    assert [(await end_of(close, name)).state for name in "ab"] == ["corrected"] * 2
    assert await kept(close) == []


async def test_a_kept_correction_is_forgotten_with_its_customer_and_its_words(
    close: db.Database,
) -> None:
    await take(close, amended(9, 1, "r1", "Lena was kind."), amended(9, 1, "r2", "So was Tom."))
    eraser = Eraser(lambda: POLICY)
    async with close.transaction() as connection:
        body = amended(9, 1, "r2").value.body
        assert isinstance(body, Response)
        await eraser.take_back(connection, [body])
    assert [row["comment"] for row in await kept(close)] == ["Lena was kind.", None]
    async with close.transaction() as connection:
        await eraser.erase(connection, "u1", stand_in(), START)
    assert await kept(close) == []


async def test_answers_of_long_ago_and_those_never_changed_are_not_kept(close: db.Database) -> None:
    await take(close, answer("high", "r1"), answer("low", "r2", "amended", origin="import"))
    assert await kept(close) == []


async def _somebody_waits(database: db.Database) -> bool:
    async with database.connection() as connection:
        waits = "select exists (select from pg_locks where not granted)"
        return bool(await connection.fetchval(waits))
