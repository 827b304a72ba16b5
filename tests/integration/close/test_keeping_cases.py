"""Cases in a real database: opened and joined from the topic, clocks running out."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from services.close import metrics, record, store, sweep
from services.close.app import MIGRATIONS
from shared import db, migrate, timers
from shared.pulse import Pulse
from shared.wake import Wake
from tests.integration.close.cases import HIGH, POLICY, counted, delivered, published, take, told
from tests.support.clock import START, ManualClock
from tests.unit.close.cases import TARGETS, a_score, an_event


async def test_an_opened_case_is_kept_and_not_announced_again(close: db.Database) -> None:
    await take(close, told(an_event()))
    async with close.connection() as connection:
        shown = await store.read(connection, "c1")
        history = await store.history(connection, "c1")
    assert shown is not None
    assert shown.event == an_event()
    assert [entry.type for entry in history] == ["opened"]
    assert await published(close) == []


async def test_a_low_score_of_the_same_batch_joins_with_the_next_version(
    close: db.Database,
) -> None:
    joined = an_event(version=2, score=a_score("r2", START + timedelta(hours=1)))
    await take(close, told(an_event()), told(joined, "touchback.case.attached.v1"))
    [(type, event)] = await published(close)
    assert (type, event.version, event.score.response_id) == (
        "touchback.case.attached.v1",
        2,
        "r2",
    )


async def test_a_score_that_joined_already_does_not_join_again(close: db.Database) -> None:
    joined = told(an_event(version=2, score=a_score("r2")), "touchback.case.attached.v1")
    await take(close, told(an_event()), joined)
    await take(close, joined, told(an_event(), "touchback.case.attached.v1"))
    assert len(await published(close)) == 1


async def test_a_score_that_is_more_urgent_raises_the_case_and_its_timer(
    close: db.Database,
) -> None:
    calm, score = an_event(priority="normal"), a_score("r2", START)
    sooner = tuple(
        each.model_copy(
            update={"due_at": START + TARGETS["acknowledge"] / 3, "target_seconds": 300}
        )
        for each in calm.deadlines
    )
    urgent = {"version": 2, "score": score, "priority": "high", "raised_from": "normal"}
    joined = calm.model_copy(update={**urgent, "deadlines": sooner})
    await take(close, told(calm))
    await take(close, told(joined, "touchback.case.attached.v1"))
    [(_, event)] = await published(close)
    assert (event.priority, event.raised_from) == ("high", "normal")
    async with close.connection() as connection:
        due = await connection.fetchval("select due_at from timers")
        counts = await store.open_now(connection, START, metrics.AGES)
    assert due - START < timedelta(minutes=2, seconds=31)  # half of five minutes
    assert [(each.priority, each.open) for each in counts] == [("high", 1)]


async def test_a_case_first_heard_of_by_a_joining_score_begins_there(close: db.Database) -> None:
    await take(close, told(an_event(version=2), "touchback.case.attached.v1"))
    async with close.connection() as connection:
        assert await store.read(connection, "c1") is not None


async def test_own_messages_are_not_taken(close: db.Database) -> None:
    await take(close, told(an_event(), source="touchback/close"))
    async with close.connection() as connection:
        assert await store.read(connection, "c1") is None


async def test_the_first_delivery_is_kept_even_when_it_overtakes_its_case(
    close: db.Database,
) -> None:
    await take(close, delivered(3), delivered(2))
    await take(close, told(an_event()), delivered(5))
    async with close.connection() as connection:
        shown = await store.read(connection, "c1")
    assert shown is not None
    assert shown.first_alert_delivered_at == START + timedelta(minutes=2)


def a_sweep(close: db.Database, clock: ManualClock) -> timers.Sweep:
    return timers.Sweep(
        close,
        clock,
        Wake(close),
        {record.CASE: sweep.Sweep(lambda: POLICY).due},
        Pulse("timers", lambda: 0.0),
    )


async def test_a_case_that_nobody_takes_breaches_each_clock_once(
    close: db.Database, clock: ManualClock
) -> None:
    await take(close, told(an_event()))
    swept = a_sweep(close, clock)
    await swept.step()
    assert await counted(close, "case_acknowledge_deadlines_breached") == 0
    clock.advance(timedelta(days=3))
    await swept.step()
    await swept.step()
    for name in TARGETS:
        assert await counted(close, f"case_{name}_deadlines") == 1
        assert await counted(close, f"case_{name}_deadlines_breached") == 1


async def test_the_open_counts_name_what_is_overdue(close: db.Database) -> None:
    await take(close, told(an_event()), told(an_event("c2", "u2", priority="low")))
    async with close.connection() as connection:
        counts = await store.open_now(connection, START + timedelta(minutes=20), metrics.AGES)
    families = {family.name: family for family in metrics.gauges(counts, POLICY)}
    samples = {
        (sample.labels["team"], sample.labels["priority"]): sample.value
        for sample in families["touchback_cases_overdue"].samples
    }
    assert samples[HIGH] == 1
    assert samples["customer-care", "normal"] == 0
    ages = families["touchback_cases_open_age_seconds"].samples
    assert [each.value for each in ages if each.labels.get("le") == "3600.0" and each.value] == [
        1,
        1,
    ]
    assert len(families["touchback_case_oldest_open_timestamp_seconds"].samples) == 2


@pytest.mark.parametrize(
    ("minutes", "soon"),
    [
        pytest.param(12, 0, id="at 80 % of its shortest clock"),
        pytest.param(12.01, 1, id="past that"),
        pytest.param(15, 1, id="at its deadline"),
        pytest.param(15.01, 0, id="overdue"),
    ],
)
async def test_a_case_is_due_soon_past_80_percent_of_a_clock_until_it_runs_out(
    close: db.Database, minutes: float, soon: int
) -> None:
    await take(close, told(an_event()))
    async with close.connection() as connection:
        (found,) = await store.open_now(
            connection, START + timedelta(minutes=minutes), metrics.AGES
        )
    assert (found.due_soon, found.open) == (soon, 1)


async def test_cases_of_an_earlier_release_are_due_soon_too(database: str, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier"
    shutil.copytree(MIGRATIONS, earlier)
    (earlier / "0011_due_soon.sql").unlink()
    await migrate.apply(database, "close", earlier)
    connection = await db.connect(database, "close")
    try:
        event = an_event()
        await connection.execute(
            "insert into cases (case_id, customer_id, touchpoint, team, priority, state, version,"
            " cycle, opened_at, started_at, next_due_at, snapshot)"
            " values ('c1', 'u1', 't', 'billing-care', 'high', $1, 1, 1, $2, $2, $3, $4)",
            event.state,
            START,
            event.deadlines[0].due_at,
            store.document(event),
        )
        assert len(await migrate.apply(database, "close", MIGRATIONS)) == 1
        (found,) = await store.open_now(connection, START + timedelta(minutes=13), metrics.AGES)
    finally:
        await connection.close()
    assert found.due_soon == 1
