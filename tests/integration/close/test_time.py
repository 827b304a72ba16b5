"""Time and customers acting on cases in a real database: timers, the auditor, recovery answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.close import metrics, record, store, sweep
from services.close.decide import transition
from services.close.model import Changed
from shared import db, timers
from shared.consume import Item
from shared.contracts.cases import CaseEvent, CasePolicy, Deadline
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.pulse import Pulse
from shared.wake import Wake
from tests.integration.close.cases import POLICY, counted, delivered, published, take, told
from tests.support.clock import START, ManualClock
from tests.unit.close.cases import an_event
from tests.unit.close.test_transition import act

HOUR = timedelta(hours=1)
RULES = CasePolicy(fallback="customer-care")


def with_route_clock(**changes: object) -> CaseEvent:
    event = an_event(policy=RULES, **changes)  # type: ignore[arg-type]  # fields of CaseEvent
    route = Deadline(clock="route", due_at=START + timedelta(minutes=5), target_seconds=300)
    return event.model_copy(update={"deadlines": (route, *event.deadlines)})


def answer(
    band: str, response_id: str = "a1", type: str = "completed", **more: object
) -> Item[Event]:
    body = Response.model_validate(
        {
            "response_id": response_id,
            "touchpoint": "after-fix",
            "survey": "fixed-check",
            "metric": "csat",
            "customer_id": "u1",
            "score": 1 if band == "low" else 5,
            "band": band,
            "channel": "email",
            "received_at": START + HOUR,
            "at": START + HOUR,
            "correlation": "c1",
            **more,
        }
    )
    event = Event(
        f"{response_id}-{type}",
        "touchback/collect",
        f"touchback.response.{type}.v1",
        "u1",
        START,
        body,
    )
    return Item("touchback/collect", event.id, event)


async def resolve(close: db.Database) -> None:
    async with close.transaction() as connection:
        for name in ("acknowledge", "contacted", "resolve"):
            case = (await record.held(connection, ["c1"]))["c1"]
            change = transition(case, act(case, name), START)
            assert isinstance(change, Changed)
            await record.changed(connection, [change], POLICY, START)


async def the_case(close: db.Database) -> CaseEvent:
    async with close.connection() as connection:
        shown = await store.read(connection, "c1")
    assert shown is not None
    return shown.event


def a_sweep(close: db.Database, clock: ManualClock) -> timers.Sweep:
    handlers = {record.CASE: sweep.Sweep(lambda: POLICY).due}
    return timers.Sweep(close, clock, Wake(close), handlers, Pulse("timers", lambda: 0.0))


async def left_alone(close: db.Database, clock: ManualClock, until: timedelta) -> None:
    swept = a_sweep(close, clock)
    while clock.now() < START + until:
        clock.advance(timedelta(minutes=10))
        await swept.step()


async def test_each_case_has_one_timer_and_none_when_it_is_over(
    close: db.Database, clock: ManualClock
) -> None:
    await take(close, told(an_event(policy=RULES)))
    await resolve(close)
    async with close.connection() as connection:
        [row] = await connection.fetch("select ref, due_at from timers")
    assert (row["ref"], row["due_at"].replace(microsecond=0)) == ("c1", START + timedelta(days=7))
    clock.advance(timedelta(days=8))
    await a_sweep(close, clock).step()
    assert (await the_case(close)).state == "closed_unconfirmed"
    async with close.connection() as connection:
        assert await connection.fetch("select from timers") == []
    assert await counted(close, "cases_closed_unconfirmed") == 1
    assert await counted(close, "cases_closed") == 0


async def test_a_case_nobody_takes_is_told_of_in_the_order_of_its_clocks(
    close: db.Database, clock: ManualClock
) -> None:
    await take(close, told(an_event(policy=RULES)))
    await left_alone(close, clock, HOUR)
    said = [(type.split(".")[2], event.reason) for type, event in await published(close)]
    assert said == [
        ("warned", "acknowledge_at_50"),
        ("breached", "acknowledge_overdue"),
        ("escalated", "acknowledge_overdue"),
        ("escalated", "acknowledge_overdue"),
    ]
    assert (await published(close))[-1][1].escalated_to == "customer-care"
    assert await counted(close, "cases_escalated") == 2


@pytest.mark.parametrize(
    ("minutes", "order", "breached"),
    [
        pytest.param(4.0, "after", 0, id="delivered in time"),
        pytest.param(5.0, "after", 0, id="delivered at the deadline"),
        pytest.param(6.0, "after", 1, id="delivered late"),
        pytest.param(4.0, "before", 0, id="the alert overtakes its case"),
    ],
)
async def test_the_route_clock_is_counted_once(
    close: db.Database, clock: ManualClock, minutes: float, order: str, breached: int
) -> None:
    both = [told(with_route_clock()), delivered(minutes)]
    for item in both if order == "after" else reversed(both):
        await take(close, item)
    await take(close, delivered(minutes + 1))
    await left_alone(close, clock, HOUR)
    assert await counted(close, "case_route_deadlines") == 1
    assert await counted(close, "case_route_deadlines_breached") == breached


async def test_a_case_whose_team_is_never_told_breaches_its_route_clock(
    close: db.Database, clock: ManualClock
) -> None:
    await take(close, told(with_route_clock()))
    await left_alone(close, clock, HOUR)
    assert await counted(close, "case_route_deadlines_breached") == 1
    await take(close, delivered(70))
    assert await counted(close, "case_route_deadlines") == 1


async def test_the_auditor_gives_a_lost_timer_back_and_its_heartbeat_stops_meanwhile(
    close: db.Database, clock: ManualClock
) -> None:
    await take(close, told(an_event(policy=RULES)))
    auditor = sweep.Auditor(close, clock)
    assert await auditor.look() == 0
    assert auditor.clean_at == START
    async with close.transaction() as connection:
        await timers.cancel(connection, record.CASE, ["c1"])
    clock.advance(HOUR)
    assert await auditor.look() == 1
    assert auditor.clean_at == START
    assert await auditor.look() == 0
    assert auditor.clean_at == START + HOUR
    assert await counted(close, "cases_without_timer", ()) == 1


def test_the_auditors_counter_shows_as_0_before_it_found_anything() -> None:
    [counter] = [each for each in metrics.counters(POLICY) if each.name == "cases_without_timer"]
    assert [sample.value for sample in counter.family({}).samples] == [0]


async def test_a_good_answer_closes_the_case_as_confirmed(close: db.Database) -> None:
    await take(close, told(an_event(policy=RULES)))
    await resolve(close)
    await take(close, answer("high"))
    assert (await the_case(close)).state == "closed"
    assert await counted(close, "recovery_answers", ("high",)) == 1
    assert await counted(close, "cases_closed") == 1


async def test_a_low_answer_reopens_and_escalates_and_counts_once(close: db.Database) -> None:
    await take(close, told(an_event(policy=RULES)))
    await resolve(close)
    await take(close, answer("low", comment="still wrong"))
    await take(close, answer("low", comment="still wrong"))
    event = await the_case(close)
    assert (event.state, event.reason, event.escalated_to) == (
        "assigned",
        "customer_disagrees",
        "customer-care",
    )
    assert await counted(close, "recovery_answers", ("low",)) == 1
    assert await counted(close, "cases_reopened") == 1


async def test_an_answer_of_long_ago_moves_no_case_whatever_it_says(close: db.Database) -> None:
    await take(close, told(an_event(policy=RULES)))
    await resolve(close)
    before = await published(close)
    await take(close, answer("low", origin="import"), answer("high", "r9", origin="import"))
    assert (await the_case(close)).state == "resolved"
    assert await published(close) == before
    assert await counted(close, "recovery_answers", ("low",)) == 0


async def test_an_answer_of_somebody_else_changes_nothing(close: db.Database) -> None:
    await take(close, told(an_event(policy=RULES)))
    await resolve(close)
    await take(close, answer("low", customer_id="u2"))
    assert (await the_case(close)).state == "resolved"


async def test_a_corrected_score_ends_a_case_nobody_has_taken(close: db.Database) -> None:
    await take(close, told(an_event(policy=RULES)))
    await take(close, answer("high", "r-c1", "amended", correlation=None, score=9))
    event = await the_case(close)
    assert (event.state, event.score.score, event.reason) == (
        "corrected",
        9,
        "corrected_by_customer",
    )


async def test_what_the_customer_adds_stands_on_the_case(close: db.Database) -> None:
    await take(close, told(an_event(policy=RULES)))
    said = {"reasons": ["slow"], "effort": 4, "contact_wanted": True}
    await take(
        close, answer("low", "r-c1", "amended", correlation=None, comment="call me", answers=said)
    )
    score = (await the_case(close)).score
    assert (score.comment, score.reasons, score.effort) == ("call me", ("slow",), 4)
    assert score.contact_wanted


async def test_a_corrected_score_stays_with_whoever_has_the_case(close: db.Database) -> None:
    await take(close, told(an_event(policy=RULES)))
    async with close.transaction() as connection:
        case = (await record.held(connection, ["c1"]))["c1"]
        change = transition(case, act(case, "acknowledge"), START)
        assert isinstance(change, Changed)
        await record.changed(connection, [change], POLICY, START)
    await take(close, answer("high", "r-c1", "amended", correlation=None, score=9))
    event = await the_case(close)
    assert (event.state, event.score.score, event.assignee) == ("acknowledged", 9, "lena")
