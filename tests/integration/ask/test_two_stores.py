"""One contract, two stores: PostgreSQL and memory decide the same, also in bursts and twice."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from services.ask import metrics
from services.ask.decide.memory import Memory
from services.ask.decide.turns import Verdict
from services.ask.handlers import Desk
from services.ask.model import DECIDE, Contact, Silent
from services.ask.policy import book
from shared import db
from shared.consume import Item
from shared.contracts.envelope import Event
from shared.contracts.signals import Profile, Signal
from shared.links import Links
from shared.pulse import Pulse
from shared.timers import Sweep
from shared.wake import Wake
from tests.support.clock import ManualClock
from tests.unit.ask.moments import a_catalog, a_profile, a_signal, an_event, hours
from tests.unit.ask.reference import POLICY, TOUCHPOINTS, ZONE

CATALOG = a_catalog({"touchpoints.yaml": TOUCHPOINTS, "policy.yaml": POLICY})
NAMES = ("order.delivered", "order.late", "order.lost", "order.returned")
Words = dict[tuple[str, str, str], str]


def a_desk() -> Desk:
    """A replica."""
    delays = metrics.decision_delay(CollectorRegistry())
    return Desk(lambda: CATALOG, Links(("k" * 32,)), "http://feedback.example", delays)


async def hear(
    pool: db.Database, desk: Desk, bodies: Sequence[Signal | Profile], now: datetime
) -> None:
    """Handle one batch, past the inbox."""
    events: list[Event] = [an_event(body) for body in bodies]
    async with pool.transaction() as connection:
        await desk.hear(connection, [Item(e.source, e.id, e) for e in events], now)


async def sweep(pool: db.Database, clock: ManualClock, desk: Desk) -> None:
    """Run all timers that are due."""
    timers = Sweep(pool, clock, Wake(pool), {DECIDE: desk.reconsider}, Pulse("timers", lambda: 0.0))
    while await timers.step():
        pass


async def send(pool: db.Database, now: datetime) -> list[tuple[str, str]]:
    """Every planned ask is accepted by its channel; returns customers and touchpoints."""
    query = (
        "update invitations set state = 'sent', sent_at = $1 where state = 'planned'"
        " returning customer_id, touchpoint"
    )
    async with pool.transaction() as connection:
        return [tuple(row) for row in await connection.fetch(query, now)]


async def words(pool: db.Database) -> Words:
    """Each decision in one word."""
    query = "select customer_id, touchpoint, source_event_id, outcome, silence from decisions"
    async with pool.connection() as connection:
        rows = await connection.fetch(query)
    found = {(r[0], r[1], r[2]): r["silence"] or r["outcome"] for r in rows}
    assert len(found) == len(rows)
    return found


def some_signals(random: Random, now: datetime, count: int, first: int) -> list[Signal]:
    """What happened lately to five customers, in no order."""
    return [
        a_signal(
            f"e{n}",
            customer=f"c{random.randrange(5)}",
            name=random.choice(NAMES),
            at=now - timedelta(minutes=random.choice((0, 0, 0, 1, 15, 60, 300, 4321))),
            correlation=random.choice(("o1", "o2", "o3", None)),
            days=random.choice((1, 3)),
        )
        for n in range(first, first + count)
    ]


class InMemory:
    """The same customers without a database."""

    def __init__(self) -> None:
        self.memory = Memory(book(CATALOG))
        self.words: Words = {}
        self.on_its_way: list[Verdict] = []
        for n in range(5):
            card = Contact(email="token", time_zone=ZONE)
            self.memory.person(f"c{n}").contact = card

    def take(self, verdicts: Sequence[Verdict]) -> None:
        """Write down what was decided."""
        for each in verdicts:
            made = each.decision
            signal = each.candidate.signal
            word = made.reason if isinstance(made, Silent) else getattr(made, "what", "ask")
            self.words[signal.customer_id, each.candidate.touchpoint, signal.source_event_id] = word
            if word == "ask":
                self.on_its_way.append(each)

    def send(self, now: datetime) -> None:
        """Every ask is accepted."""
        for each in self.on_its_way:
            self.memory.accepted(each, now)
        self.on_its_way = []


@pytest.mark.parametrize("seed", range(3))
async def test_both_stores_decide_the_same(
    pool: db.Database, clock: ManualClock, seed: int
) -> None:
    random, desk, other = Random(seed), a_desk(), InMemory()
    cards = [a_profile("token", customer=f"c{n}", time_zone=ZONE) for n in range(5)]
    await hear(pool, desk, cards, clock.now())
    heard: list[Signal] = []
    for step in range(30):
        now = clock.now()
        # One at a time: in a batch all are heard before anything is decided.
        for signal in some_signals(random, now, random.randrange(4), 10 * step):
            heard.append(signal)
            await hear(pool, desk, [signal], now)
            other.take(other.memory.take(signal, now))
        clock.advance(timedelta(minutes=random.choice((1, 14, 15, 60, 600, 1440, 5000, 14400))))
        await sweep(pool, clock, desk)
        other.take(list(other.memory.wake(clock.now())))
        if random.random() < 0.7:
            await send(pool, clock.now())
            other.send(clock.now())
        assert await words(pool) == other.words
    assert {"ask", "case", "stale_event", "cap_person"} <= set(other.words.values())
    await _replayed(pool, clock, desk, heard)


async def _replayed(
    pool: db.Database, clock: ManualClock, desk: Desk, heard: Sequence[Signal]
) -> None:
    """The whole topic again, in batches: no new ask, no other decision."""
    before = await words(pool)
    tables = ("invitations", "candidates", "timers", "outbox")
    counts = [await _count(pool, table) for table in tables]
    for start in range(0, len(heard), 7):
        await hear(pool, desk, heard[start : start + 7], clock.now())
    assert await words(pool) == before
    assert [await _count(pool, table) for table in tables] == counts


async def _count(pool: db.Database, table: str) -> int:
    async with pool.connection() as connection:
        return int(await connection.fetchval(f"select count(*) from {table}"))


async def test_two_replicas_and_a_rebalance_in_a_burst_break_no_cap(
    pool: db.Database, clock: ManualClock
) -> None:
    """Both get the same records in different batches, as after a rebalance, while timers fire."""
    random, replicas = Random(7), [a_desk(), a_desk()]
    people = [f"c{n}" for n in range(5)]
    await hear(
        pool, replicas[0], [a_profile("token", customer=name) for name in people], clock.now()
    )
    sent: defaultdict[str, list[datetime]] = defaultdict(list)
    for burst in range(4):
        now = clock.now()
        signals = some_signals(random, now, 60, 100 * burst)
        batches = [signals[at : at + 9] for at in range(0, 60, 9)]
        again = [signals[at : at + 11] for at in range(0, 60, 11)]
        await asyncio.gather(
            *(_until_done(pool, replicas[0], batch, now) for batch in batches),
            *(_until_done(pool, replicas[1], batch, now) for batch in random.sample(again, 6)),
        )
        clock.advance(hours(2))
        await asyncio.gather(
            *(sweep(pool, clock, desk) for desk in replicas),
            *(_until_done(pool, replicas[1], batch, clock.now()) for batch in batches[:3]),
        )
        for customer, touchpoint in await send(pool, clock.now()):
            if touchpoint != "recovered":
                sent[customer].append(clock.now())
        clock.advance(timedelta(days=6))
        await sweep(pool, clock, replicas[0])
        for customer, _ in await send(pool, clock.now()):
            sent[customer].append(clock.now())
    asked = Counter(word for word in (await words(pool)).values())["ask"]
    assert asked == sum(len(times) for times in sent.values())
    assert asked >= len(people), "the burst asked nobody"
    for times in sent.values():
        gaps = [later - before for before, later in zip(times, times[1:], strict=False)]
        assert all(gap >= timedelta(days=10) for gap in gaps), times


async def _until_done(
    pool: db.Database, desk: Desk, batch: Sequence[Signal], now: datetime
) -> None:
    """As the consumer does: a batch that PostgreSQL undid comes again."""
    while True:
        try:
            return await hear(pool, desk, batch, now)
        except db.AWAY:
            await asyncio.sleep(0)
