"""Timers come due once, whatever fails, however many wait and whoever else sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from shared import db, timers
from shared.pulse import Pulse
from shared.timers import Sweep, Timer
from shared.wake import Wake
from tests.support.clock import START, ManualClock
from tests.support.wait import eventually

HOUR = timedelta(hours=1)


class Recorder:
    """A handler that keeps what came due, and fails for the refs it is told to."""

    def __init__(self, *failing: str) -> None:
        self.seen: list[str] = []
        self.failing = set(failing)

    async def __call__(
        self, connection: db.Connection, due: Sequence[Timer], now: datetime
    ) -> None:
        for timer in due:
            if timer.ref in self.failing:
                raise RuntimeError(f"{timer.ref} is broken")
        self.seen += [timer.ref for timer in due]


def sweep(database: db.Database, clock: ManualClock, recorder: Recorder) -> Sweep:
    return Sweep(database, clock, Wake(database), {"remind": recorder}, Pulse("timers", lambda: 0))


async def put(database: db.Database, *given: Timer) -> None:
    async with database.transaction() as connection:
        await timers.schedule(connection, given)


async def test_a_timer_is_run_when_it_is_due_and_not_before(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    recorder = Recorder()
    await put(kernel_db, Timer("remind", "a", START + HOUR))
    clock.advance(HOUR - timedelta(microseconds=1))
    assert await sweep(kernel_db, clock, recorder).step() == 0
    clock.advance(timedelta(microseconds=1))
    assert await sweep(kernel_db, clock, recorder).step() == 1
    assert await sweep(kernel_db, clock, recorder).step() == 0
    assert recorder.seen == ["a"]


async def test_due_timers_run_in_the_order_they_came_due(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    recorder = Recorder()
    await put(kernel_db, *(Timer("remind", str(n), START - n * HOUR) for n in (1, 3, 2)))
    await sweep(kernel_db, clock, recorder).step()
    assert recorder.seen == ["3", "2", "1"]


async def test_setting_a_timer_again_moves_it(kernel_db: db.Database, clock: ManualClock) -> None:
    recorder = Recorder()
    await put(kernel_db, Timer("remind", "a", START))
    await put(kernel_db, Timer("remind", "a", START + HOUR))
    assert await sweep(kernel_db, clock, recorder).step() == 0


async def test_an_unset_timer_never_runs(kernel_db: db.Database, clock: ManualClock) -> None:
    recorder = Recorder()
    await put(kernel_db, Timer("remind", "a", START), Timer("remind", "b", START))
    async with kernel_db.transaction() as connection:
        await timers.cancel(connection, "remind", ["a", "never-set"])
    await sweep(kernel_db, clock, recorder).step()
    assert recorder.seen == ["b"]


async def test_a_timer_that_fails_holds_up_no_other_and_is_tried_again(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    recorder = Recorder("broken")
    await put(kernel_db, *(Timer("remind", ref, START) for ref in ("a", "broken", "b")))
    await sweep(kernel_db, clock, recorder).step()
    assert sorted(recorder.seen) == ["a", "b"]
    assert await sweep(kernel_db, clock, recorder).step() == 0, "tried again at once"
    recorder.failing.clear()
    clock.advance(timers.backoff(1))
    await sweep(kernel_db, clock, recorder).step()
    assert recorder.seen[-1] == "broken"


async def test_a_timer_of_another_release_is_left_alone_and_stops_no_other(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    recorder = Recorder()
    await put(kernel_db, Timer("of-tomorrow", "x", START), Timer("remind", "a", START))
    assert await sweep(kernel_db, clock, recorder).step() == 1
    assert recorder.seen == ["a"]
    async with kernel_db.connection() as connection:
        assert await connection.fetchval("select kind from timers") == "of-tomorrow"


async def test_a_timer_in_another_sweeps_hands_is_not_asked_for_without_pause(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    await put(kernel_db, Timer("remind", "a", START))
    async with kernel_db.transaction() as other:
        await other.execute("select from timers for update")
        waiting = sweep(kernel_db, clock, Recorder())
        assert await waiting.step() == 0
        assert await waiting.until_next() >= 0.05


async def test_two_sweeps_share_the_work_and_repeat_none(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    first, second = Recorder(), Recorder()
    await put(kernel_db, *(Timer("remind", str(n), START) for n in range(1500)))
    while sum(
        await asyncio.gather(
            sweep(kernel_db, clock, first).step(), sweep(kernel_db, clock, second).step()
        )
    ):
        pass
    assert sorted(map(int, first.seen + second.seen)) == list(range(1500))


async def test_a_held_timer_is_left_alone_by_sweeps_until_its_holder_is_done(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    recorder = Recorder()
    await put(kernel_db, Timer("remind", "a", START), Timer("remind", "b", START))
    async with kernel_db.transaction() as connection:
        await timers.hold(connection, "remind", ["a", "not there"])
        assert await sweep(kernel_db, clock, recorder).step() == 1
        await timers.cancel(connection, "remind", ["a"])
    assert await sweep(kernel_db, clock, recorder).step() == 0
    assert recorder.seen == ["b"]


async def test_whoever_holds_timers_waits_for_the_sweep_that_has_them(
    kernel_db: db.Database, clock: ManualClock
) -> None:
    started, finish, order = asyncio.Event(), asyncio.Event(), []

    async def slow(connection: db.Connection, due: Sequence[Timer], now: datetime) -> None:
        started.set()
        await finish.wait()
        order.append("sweep")

    async def hold() -> None:
        async with kernel_db.transaction() as connection:
            await timers.hold(connection, "remind", ["a"])
            order.append("holder")

    await put(kernel_db, Timer("remind", "a", START))
    slowly = Sweep(kernel_db, clock, Wake(kernel_db), {"remind": slow}, Pulse("timers", lambda: 0))
    sweeping = asyncio.create_task(slowly.step())
    await started.wait()
    holding = asyncio.create_task(hold())
    await eventually(lambda: _somebody_waits(kernel_db), within=10)
    finish.set()
    await asyncio.gather(sweeping, holding)
    assert order == ["sweep", "holder"]


async def _somebody_waits(database: db.Database) -> bool:
    async with database.connection() as connection:
        waiting = await connection.fetchval(
            "select count(*) from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
    return bool(waiting)


async def test_a_new_timer_wakes_the_sweep_at_once(
    kernel_db: db.Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "POLL", 60.0)
    recorder, wake = Recorder(), Wake(kernel_db)
    sweeping = Sweep(kernel_db, clock, wake, {"remind": recorder}, Pulse("timers", lambda: 0))
    tasks = [asyncio.create_task(wake.run()), asyncio.create_task(sweeping.run())]
    try:
        # The first notification may come before anybody listens: the second cannot.
        for ref in ("first", "second"):
            await put(kernel_db, Timer("remind", ref, START))
            await eventually(lambda ref=ref: ref in recorder.seen, within=5)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_claiming_reads_the_index_however_many_timers_wait(kernel_db: db.Database) -> None:
    async with kernel_db.transaction() as connection:
        await connection.execute(
            "insert into timers (kind, ref, due_at)"
            " select 'remind', n::text, $1::timestamptz + n * interval '1 second'"
            " from generate_series(1, 20000) n",
            START,
        )
        await connection.execute("analyze timers")
        plan = await connection.fetch(
            "explain "
            + timers.kernel.QUERIES["timers_claim"]
            .replace("$3", "'{remind}'")
            .replace("$2", "500")
            .replace("$1", f"'{START.isoformat()}'")
        )
    text = "\n".join(row[0] for row in plan)
    assert "timers_due_at" in text
    assert "Seq Scan" not in text


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (5, 16), (11, 600), (1000, 600)])
def test_the_wait_after_failures_doubles_up_to_ten_minutes(failures: int, seconds: int) -> None:
    assert timers.backoff(failures) == timedelta(seconds=seconds)
