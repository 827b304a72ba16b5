"""A customer of whom thousands of signals were heard is decided about like anybody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random

import pytest

from services.ask import lives
from services.ask.decide.looks import coming, counting
from services.ask.decide.memory import Memory
from services.ask.model import Contact, Silent
from services.ask.policy import ENOUGH, book
from shared import db
from tests.integration.ask.test_deciding import a_desk, decisions, hear
from tests.support.clock import START
from tests.unit.ask.moments import POLICY, a_catalog, a_profile, a_signal

DAY = timedelta(days=1)
TOUCHPOINTS = """\
- touchpoint: often
  on: {count: order.lost, at_least: 3, within: 7d}
  act: case
- touchpoint: often-the-same
  on: {count: order.lost, at_least: 2, within: 7d, by: correlation}
  act: case
- touchpoint: delivered
  on: {signal: order.delivered}
  cancel_on: [order.returned]
  survey: delivery
- touchpoint: silence
  on: {absence: [response, order.returned], after: order.late, within: 1d, by: customer}
  survey: delivery
"""
FILES = {"touchpoints.yaml": TOUCHPOINTS, "policy.yaml": POLICY}
BOOK = book(a_catalog(FILES))
FILL = """
insert into signals (source, source_event_id, signal, customer_id, occurred_at, correlation,
                     counts_for, body, heard_at)
select 'shop', 'old-' || n, name, 'c1', $1::timestamptz - n * interval '1 minute', 'o' || n % 7,
       case when name = 'order.lost' then array['often', 'often-the-same'] else '{}' end, null, $1
from (select n, case when n % 2 = 0 then 'order.lost' else 'order.returned' end as name
      from generate_series(1, 5000) as n) as old
"""


@pytest.fixture
async def hot(pool: db.Database) -> db.Database:
    async with pool.transaction() as connection:
        await connection.execute(FILL, START)
    await hear(pool, a_profile("token"), desk=a_desk(FILES))
    return pool


async def test_no_more_is_looked_at_than_a_rule_can_ask_for(hot: db.Database) -> None:
    new = a_signal("new", name="order.lost", correlation="o1")
    async with hot.transaction() as connection:
        persons = await lives.load(connection, ["c1"], START)
        assert persons["c1"].seen == []
        await lives.look_back(connection, persons, counting(new, BOOK))
        assert len(persons["c1"].seen) <= 2 * ENOUGH
        late = a_signal("late", name="order.late", at=START - DAY)
        moment = Memory(BOOK).take(late, START - DAY)
        assert moment == [], "it waits"
        found = next(iter(_waiting(late).values()))
        persons["c1"].seen = []
        await lives.look_for(connection, persons, coming(found, BOOK.plans["silence"]))
        assert len(persons["c1"].seen) <= 2


def _waiting(signal: object) -> Mapping[object, object]:
    memory = Memory(BOOK)
    memory.take(signal, START - DAY)  # type: ignore[arg-type]  # a signal
    return memory.person("c1").waiting


async def test_what_is_decided_about_them_is_as_ever(hot: db.Database) -> None:
    desk = a_desk(FILES)
    lost = a_signal("l", name="order.lost", correlation="o1")
    late = a_signal("s", name="order.late", at=START - DAY)
    back = a_signal("d", at=START - DAY, correlation="o1")
    kept = a_signal("k", at=START, correlation="o9")
    await hear(hot, lost, late, back, kept, desk=desk)
    found = await decisions(hot)
    assert found == {
        "l/often": "case",
        "l/often-the-same": "case",
        "s/silence": "not_eligible",
        "d/delivered": "cancelled",
        "k/delivered": "ask",
    }


@pytest.mark.parametrize("seed", range(4))
async def test_counts_in_any_order_come_out_as_in_memory(pool: db.Database, seed: int) -> None:
    """Late ones too, which may complete what came before them."""
    random, desk, memory = Random(seed), a_desk(FILES), Memory(BOOK)
    memory.person("c1").contact = Contact(email="token")
    now = START + 30 * DAY
    words = {}
    for start in range(0, 60, 5):
        batch = [
            a_signal(
                f"e{n}",
                name="order.lost",
                at=START + random.randrange(24) * DAY,
                correlation=random.choice(("o1", "o2", None)),
            )
            for n in range(start, start + 5)
        ]
        await hear(pool, *batch, now=now, desk=desk)
        for signal in batch:
            for each in memory.take(signal, now):
                made = each.decision
                word = made.reason if isinstance(made, Silent) else "case"
                key = f"{each.candidate.signal.source_event_id}/{each.candidate.touchpoint}"
                words[key] = word
    assert await decisions(pool) == words
    assert "stale_event" in words.values()
