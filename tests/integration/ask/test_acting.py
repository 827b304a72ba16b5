"""Besides asking: rhythms come to customers, cases and notices leave, asks are withdrawn."""

from __future__ import annotations

from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from services.ask import metrics, store
from services.ask.decide.rhythm import next_slot, spread
from services.ask.handlers import Desk
from services.ask.policy import book
from services.ask.rhythms import Walker
from shared import db
from shared.catalog.catalog import Catalog
from shared.consume import Item
from shared.contracts.asks import Decision
from shared.contracts.envelope import Event, stable_id
from shared.contracts.signals import Profile, Signal
from shared.links import Links
from tests.support.clock import START, ManualClock
from tests.unit.ask.moments import POLICY, a_catalog, a_profile, a_signal, an_event, hours
from tests.unit.ask.test_triggers import RHYTHM, a_case_event

NAMES = [f"c{n}" for n in range(30)]
RHYTHMS = a_catalog({"touchpoints.yaml": RHYTHM, "policy.yaml": POLICY})
MOMENTS = a_catalog(
    {
        "policy.yaml": POLICY,
        "touchpoints.yaml": """\
- touchpoint: delivered
  on: {signal: order.delivered}
  cancel_on: [order.returned]
  survey: delivery
- touchpoint: promise
  on: {signal: order.late}
  act: notify
  owner: parcels
  notice: {to: team, subject: {en: Late}, text: {en: A promise will be missed}}
- touchpoint: recovered
  on: {case: resolved}
  survey: delivery
""",
    }
)


def a_desk(catalog: Catalog) -> Desk:
    """A replica."""
    delays = metrics.decision_delay(CollectorRegistry())
    return Desk(lambda: catalog, Links(("k" * 32,)), "http://feedback.example", delays)


async def hear(pool: db.Database, catalog: Catalog, *events: Event, now: datetime = START) -> None:
    """Handle one batch."""
    async with pool.transaction() as connection:
        items = [Item(event.source, event.id, event) for event in events]
        await a_desk(catalog).hear(connection, items, now)


def said(*bodies: Signal | Profile) -> list[Event]:
    """The messages that carry them."""
    return [an_event(body) for body in bodies]


async def decisions(pool: db.Database, customer: str = "c1") -> list[Decision]:
    async with pool.connection() as connection:
        return await store.decisions_of(connection, customer, None, 100)


async def test_a_rhythm_comes_to_everybody_of_its_segment_once_per_period(
    pool: db.Database, clock: ManualClock
) -> None:
    cards = [a_profile("token", customer=name, segment="business") for name in NAMES]
    other = a_profile("token", customer="home", segment="home")
    await hear(pool, RHYTHMS, *said(*cards, other))
    walker = Walker(pool, clock, lambda: RHYTHMS, a_desk(RHYTHMS))
    plan = book(RHYTHMS).plans["relationship"]
    for _ in range(12):
        while await walker.step():
            pass
        clock.advance(timedelta(days=15))
    while await walker.step():
        pass
    for name in NAMES:
        (decision,) = await decisions(pool, name)
        slot = next_slot(plan, name, START)
        assert decision.occurred_at == slot.at
        assert decision.source_event_id == f"relationship/{slot.number}/{stable_id('rhythm', name)}"
    assert await decisions(pool, "home") == []


async def test_the_database_spreads_customers_as_the_program_does(pool: db.Database) -> None:
    names = [*NAMES, "王芳", "a b", "x" * 200]
    await hear(pool, RHYTHMS, *said(*(a_profile("token", customer=name) for name in names)))
    async with pool.connection() as connection:
        rows = await connection.fetch("select customer_id, spread from customers")
    assert {row["customer_id"]: row["spread"] for row in rows} == {n: spread(n) for n in names}


async def test_a_notice_carries_what_its_receiver_needs(pool: db.Database) -> None:
    late = a_signal("e1", name="order.late", correlation="o1", region="north")
    await hear(pool, MOMENTS, *said(late))
    (decision,) = await decisions(pool)
    assert (decision.outcome, decision.notify, decision.silence) == ("notify", "team", None)
    assert (decision.attributes, decision.attribution.team) == (
        {"region": "north", "rung": "prospect"},
        "parcels",
    )


async def test_an_ask_whose_reason_goes_away_before_it_is_sent_is_withdrawn(
    pool: db.Database,
) -> None:
    moments = [a_signal(f"e{n}", customer=f"c{n}", correlation=f"o{n}") for n in (1, 2, 3)]
    cards = [a_profile("token", customer=f"c{n}") for n in (1, 2, 3)]
    await hear(pool, MOMENTS, *said(*cards, *moments))
    async with pool.transaction() as connection:
        await connection.execute("update invitations set state = 'sent' where customer_id = 'c2'")
    back = [
        a_signal(f"r{n}", name="order.returned", customer=f"c{n}", correlation=order)
        for n, order in ((1, "o1"), (2, "o2"), (3, "o1"))
    ]
    await hear(pool, MOMENTS, *said(*back), now=START + hours(1))
    async with pool.connection() as connection:
        rows = await connection.fetch("select customer_id, state from invitations")
        types = await connection.fetch("select type from outbox where type like '%cancelled%'")
    states = {row["customer_id"]: row["state"] for row in rows}
    assert states == {"c1": "failed", "c2": "sent", "c3": "planned"}
    assert len(types) == 1


async def test_a_resolved_case_is_asked_about_and_an_open_one_silences_all_else(
    pool: db.Database,
) -> None:
    await hear(pool, MOMENTS, *said(a_profile("token")), a_case_event("opened", 1, START))
    await hear(pool, MOMENTS, *said(a_signal("e1")))
    await hear(pool, MOMENTS, a_case_event("resolved", 2, START))
    await hear(pool, MOMENTS, a_case_event("closed", 3, START))
    await hear(pool, MOMENTS, *said(a_signal("e2")), now=START + hours(1))
    found = {each.source_event_id: each.silence or each.outcome for each in await decisions(pool)}
    assert found == {"e1": "open_case", "k1/2": "ask", "e2": "ask"}
