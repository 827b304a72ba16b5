"""Signals in a real database: each match decided once, whatever is repeated or comes together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.ask import contacts, metrics, store
from services.ask.handlers import Desk, parse
from services.ask.http import Api
from services.ask.model import DECIDE
from shared import db, outbox, tallies, web
from shared.consume import Item
from shared.contracts.asks import Decision, Invitation
from shared.contracts.envelope import Event, decode
from shared.contracts.responses import Feedback, OptOut
from shared.contracts.signals import Profile, Signal
from shared.links import Links
from shared.pulse import Pulse
from shared.records import Record
from shared.timers import Sweep
from shared.wake import Wake
from tests.support.clock import START, ManualClock
from tests.unit.ask.moments import (
    FILES,
    a_catalog,
    a_profile,
    a_signal,
    an_event,
    an_opt_out,
    hours,
)

KEYS = ("k" * 32,)


def a_desk(files: Mapping[str, str] | None = None) -> Desk:
    """A desk over the test catalog."""
    catalog = a_catalog(files)
    delays = metrics.decision_delay(CollectorRegistry())
    return Desk(lambda: catalog, Links(KEYS), "http://feedback.example", delays)


async def hear(
    pool: db.Database,
    *bodies: Signal | Profile | OptOut,
    now: datetime = START,
    desk: Desk | None = None,
) -> None:
    """Handle one batch, past the inbox: as if it had been pruned."""
    async with pool.transaction() as connection:
        await (desk or a_desk()).hear(connection, items(*bodies), now)


def items(*bodies: Signal | Profile | OptOut) -> list[Item[Event]]:
    """Messages as the consumer gives them."""
    events = [an_event(body) for body in bodies]
    return [Item(event.source, event.id, event) for event in events]


async def sweep(pool: db.Database, clock: ManualClock, desk: Desk | None = None) -> None:
    """Run all timers that are due."""
    handlers = {DECIDE: (desk or a_desk()).reconsider}
    await Sweep(pool, clock, Wake(pool), handlers, Pulse("timers", lambda: 0.0)).step()


async def decisions(pool: db.Database, customer: str = "c1") -> dict[str, str]:
    """Each decision about a customer in one word, by event and touchpoint."""
    async with pool.connection() as connection:
        found = await store.decisions_of(connection, customer, None, 1000)
    words = {f"{d.source_event_id}/{d.touchpoint}": d.silence or d.outcome for d in found}
    assert len(words) == len(found)
    return words


async def published(pool: db.Database) -> list[tuple[str, Decision | Invitation]]:
    """What waits in the outbox, decoded as a reader would."""
    async with pool.connection() as connection:
        rows = await connection.fetch("select * from outbox order by position")
    found = []
    for row in rows:
        pairs = zip(row["header_names"], row["header_values"], strict=True)
        event = decode({name: value.decode() for name, value in pairs}, row["payload"])
        assert event is not None
        assert isinstance(event.body, Decision | Invitation)
        found.append((event.type, event.body))
    return found


async def count(pool: db.Database, table: str) -> int:
    """How many rows a table has."""
    async with pool.connection() as connection:
        return int(await connection.fetchval(f"select count(*) from {table}"))  # noqa: S608  (a table of ours)


async def test_a_match_is_asked_and_all_of_it_is_published(pool: db.Database) -> None:
    await hear(pool, a_signal(correlation="o1", box="big"), a_profile("token", locale="zh-CN"))
    (first, decision), (second, invitation) = await published(pool)
    assert (first, second) == ("touchback.decision.v1", "touchback.invitation.scheduled.v1")
    assert isinstance(decision, Decision)
    assert isinstance(invitation, Invitation)
    assert (decision.outcome, decision.attribution.team) == ("ask", "parcels")
    assert decision.invitation_id == invitation.invitation_id
    assert invitation.decision_id == decision.decision_id
    assert (invitation.language, invitation.correlation) == ("zh", "o1")
    assert invitation.attributes == {"box": "big", "rung": "prospect"}
    token = invitation.survey_url.removeprefix("http://feedback.example/s/")
    assert Links(KEYS).read("survey", token) == invitation.invitation_id


async def test_the_card_goes_along_but_never_over_what_the_event_says(pool: db.Database) -> None:
    card = a_profile("token", segment="business", value=9000.0)
    await hear(pool, card, a_signal(segment="private"))
    for _, body in await published(pool):
        told = {"segment": "private", "value": 9000.0, "rung": "prospect"}
        assert body.attributes == told, "no address, no name"


async def test_replays_change_nothing_also_when_the_inbox_forgot_them(pool: db.Database) -> None:
    batch = [
        a_profile("token"),
        a_signal("e1", correlation="o1"),
        a_signal("e2", name="order.returned"),
        a_signal("e1", correlation="o1"),
    ]
    await hear(pool, *batch)
    before, said = await decisions(pool), len(await published(pool))
    await hear(pool, *batch, now=START + hours(0.5))
    assert await decisions(pool) == before == {"e1/delivered": "ask"}
    assert len(await published(pool)) == said
    assert (await count(pool, "candidates"), await count(pool, "timers")) == (1, 1)


async def test_two_signals_of_one_customer_in_one_batch_are_one_ask(pool: db.Database) -> None:
    await hear(pool, a_profile("token"), a_signal("e1"), a_signal("e2"))
    assert await decisions(pool) == {"e1/delivered": "ask", "e2/delivered": "outranked"}
    assert await count(pool, "invitations") == 1


async def test_the_same_order_under_another_event_is_a_duplicate(pool: db.Database) -> None:
    await hear(pool, a_profile("token"), a_signal("e1", correlation="o1"))
    await hear(pool, a_signal("e2", correlation="o1"), a_signal("e3", correlation="o2"))
    assert await decisions(pool) == {
        "e1/delivered": "ask",
        "e2/delivered": "duplicate",
        "e3/delivered": "cap_person",
    }


async def test_two_batches_about_one_customer_at_once_are_one_ask(pool: db.Database) -> None:
    await hear(pool, *(a_profile("token", customer=f"c{n}") for n in range(20)))
    crowd = [a_signal(f"{n}", customer=f"c{n}") for n in range(20)]
    other = [a_signal(f"other-{n}", customer=f"c{n}") for n in reversed(range(20))]
    await asyncio.gather(hear(pool, *crowd), hear(pool, *other), hear(pool, *crowd))
    assert (await count(pool, "invitations"), await count(pool, "decisions")) == (20, 40)


async def test_an_event_of_last_week_mails_nobody(pool: db.Database) -> None:
    await hear(pool, a_profile("token"), a_signal(at=START - timedelta(days=7)))
    assert await decisions(pool) == {"e1/delivered": "stale_event"}
    assert await count(pool, "invitations") == 0


async def test_a_false_condition_is_no_match_and_a_broken_one_is_a_decision(
    pool: db.Database,
) -> None:
    late = [a_signal(f"{days}", name="order.late", days=days) for days in (1, "many", 3)]
    await hear(pool, a_profile("token"), *late)
    assert await decisions(pool) == {"many/late": "rule_error", "3/late": "ask"}


async def test_who_opted_out_is_left_alone_from_then_on(pool: db.Database) -> None:
    await hear(pool, *(a_profile("token", customer=name) for name in ("c1", "c2", "c3")))
    await hear(pool, an_opt_out("c1"), an_opt_out("c2", "late"), a_signal("e1"))
    await hear(pool, an_opt_out("c1"), a_signal("e2"), a_signal("e3", name="order.late", days=3))
    await hear(pool, a_signal("e4", customer="c2"), a_signal("e5", customer="c3"))
    everything = dict.fromkeys(("e1/delivered", "e2/delivered", "e3/late"), "opted_out")
    assert await decisions(pool) == everything
    assert (await decisions(pool, "c2"), await decisions(pool, "c3")) == (
        {"e4/delivered": "ask"},
        {"e5/delivered": "ask"},
    )
    assert await count(pool, "opt_outs") == 2


async def test_an_opt_out_counts_for_a_moment_that_waits(
    pool: db.Database, clock: ManualClock
) -> None:
    await hear(pool, a_profile("token"), a_signal(name="order.returned"))
    await hear(pool, an_opt_out())
    clock.advance(hours(1))
    await sweep(pool, clock)
    assert await decisions(pool) == {"e1/returned": "opted_out"}


def test_of_the_responses_only_opt_outs_concern_asking() -> None:
    feedback = Feedback(
        feedback_id="f1", customer_id="c1", text="slow", channel="chat", received_at=START
    )
    said = [
        outbox.event(service="collect", type=type, body=body, customer_id="c1", at=START)
        for type, body in (
            ("touchback.feedback.received.v1", feedback),
            ("touchback.opt-out.recorded.v1", an_opt_out()),
        )
    ]
    records = [Record(m.topic, 0, 0, 0, m.key, m.payload, tuple(m.headers)) for m in said]
    assert [[item.value.body for item in parse(each)] for each in records] == [[], [an_opt_out()]]


async def test_a_signal_without_touchpoint_leaves_no_trace(pool: db.Database) -> None:
    await hear(pool, a_signal(name="order.seen"))
    assert (await count(pool, "decisions"), await count(pool, "customers")) == (0, 0)


async def test_a_delayed_ask_is_decided_when_its_time_has_come(
    pool: db.Database, clock: ManualClock
) -> None:
    await hear(pool, a_profile("token"), a_signal(name="order.returned"))
    clock.advance(hours(1) - timedelta(seconds=1))
    await sweep(pool, clock)
    assert await decisions(pool) == {}
    clock.advance(timedelta(seconds=1))
    await sweep(pool, clock)
    assert await decisions(pool) == {"e1/returned": "ask"}
    assert await count(pool, "candidates") == 0
    await hear(pool, a_signal(name="order.returned"))
    assert (await decisions(pool), await count(pool, "candidates")) == ({"e1/returned": "ask"}, 0)


async def test_all_gates_run_again_when_the_time_has_come(
    pool: db.Database, clock: ManualClock
) -> None:
    names = ("asked", "stopped")
    await hear(pool, *(a_profile("token", customer=name) for name in names))
    await hear(pool, *(a_signal(name, customer=name, name="order.returned") for name in names))
    await hear(pool, a_signal("now", customer="asked"))
    await hear(pool, a_profile("token", "stopped", START + hours(0.5), consent="refused"))
    clock.advance(hours(1))
    await sweep(pool, clock)
    assert (await decisions(pool, "asked"))["asked/returned"] == "cap_person"
    assert (await decisions(pool, "stopped"))["stopped/returned"] == "no_consent"


async def test_a_sweep_that_comes_days_late_mails_nobody(
    pool: db.Database, clock: ManualClock
) -> None:
    await hear(pool, a_profile("token"), a_signal(name="order.returned"))
    clock.advance(hours(73))
    await sweep(pool, clock)
    assert await decisions(pool) == {"e1/returned": "stale_event"}


async def test_a_touchpoint_that_left_the_catalog_meanwhile_is_not_asked(
    pool: db.Database, clock: ManualClock
) -> None:
    await hear(pool, a_profile("token"), a_signal(name="order.returned"))
    clock.advance(hours(1))
    only = "- touchpoint: delivered\n  on: {signal: order.delivered}\n  survey: delivery\n"
    await sweep(pool, clock, a_desk({"touchpoints.yaml": only}))
    assert await decisions(pool) == {"e1/returned": "not_eligible"}


async def test_a_moment_comes_back_when_the_catalog_lets_it_wait_longer_meanwhile(
    pool: db.Database, clock: ManualClock
) -> None:
    await hear(pool, a_profile("token"), a_signal(name="order.returned"))
    policy = FILES["policy.yaml"].replace("hold_window: 0", "hold_window: 15m")
    patient = a_desk({"policy.yaml": policy})
    clock.advance(hours(1))
    await sweep(pool, clock, patient)
    assert await decisions(pool) == {}
    clock.advance(hours(0.25))
    await sweep(pool, clock, patient)
    assert await decisions(pool) == {"e1/returned": "ask"}


async def test_the_newest_value_of_each_field_wins_whatever_the_order(pool: db.Database) -> None:
    await hear(pool, a_profile("newer", at=START, locale="en"))
    await hear(pool, a_profile("older", at=START - hours(1), locale="zh", segment="business"))
    await hear(
        pool,
        a_profile("newest", at=START + hours(2)),
        a_profile("between", at=START + hours(1), consent="granted"),
    )
    async with pool.connection() as connection:
        card = (await contacts.cards(connection, ["c1"]))["c1"]
    assert (card.email, card.locale, card.segment, card.consent) == (
        "newest",
        "en",
        "business",
        "granted",
    )


async def test_decisions_are_counted_where_a_restart_loses_nothing(pool: db.Database) -> None:
    signals = [a_signal("e1"), a_signal("e2"), a_signal("e3", name="order.late", days="x")]
    await hear(pool, a_profile("token"), *signals)
    async with pool.connection() as connection:
        counts = await tallies.read(connection)
    assert counts["decisions"] == {
        ("delivered", "ask"): 1,
        ("delivered", "silent"): 1,
        ("late", "silent"): 1,
    }
    assert counts["silences"] == {("delivered", "outranked"): 1, ("late", "rule_error"): 1}
    assert counts["rule_errors"] == {("late",): 1}


async def test_a_large_batch_takes_as_few_statements_as_a_small_one(pool: db.Database) -> None:
    statements: list[str] = []
    async with pool.transaction() as connection:
        # The driver asks for types of its own accord, once for each connection.
        await a_desk().hear(connection, items(a_signal("first")), START)
        batch = [a_signal(f"e{n}", customer=f"c{n}") for n in range(200)]
        with connection.query_logger(lambda query: statements.append(query.query)):
            await a_desk().hear(connection, items(*batch), START)
    assert await count(pool, "decisions") == 201
    # The outbox writes its rows in one pipelined round.
    assert len([each for each in statements if "into outbox" not in each]) <= 24, statements


def a_client(pool: db.Database) -> httpx.AsyncClient:
    """The HTTP interface, with one token that may read and one that may not."""
    tokens = {"reader": ("decisions:read",), "other": ("cases:read",)}
    app = Starlette(
        routes=Api(pool, tokens).routes(), exception_handlers={HTTPException: web.on_http_error}
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ask")


async def test_decisions_are_read_over_http_newest_first(pool: db.Database) -> None:
    await hear(pool, a_profile("token"), a_signal("e1"))
    await hear(
        pool, a_signal("e2"), a_signal("e3", name="order.late", days=3), now=START + hours(1)
    )
    async with a_client(pool) as client:
        client.headers["authorization"] = "Bearer reader"
        every = (await client.get("/v1/decisions?customer=c1")).json()["decisions"]
        some = await client.get("/v1/decisions?customer=c1&signal=order.delivered&limit=1")
    assert every[-1]["source_event_id"] == "e1"
    assert len(every) == 3
    assert [(d["source_event_id"], d["silence"]) for d in some.json()["decisions"]] == [
        ("e2", "cap_person")
    ]


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        pytest.param("?customer=c1", "", 401, id="no token"),
        pytest.param("?customer=c1", "other", 403, id="a token for something else"),
        pytest.param("", "reader", 400, id="no customer"),
        pytest.param("?customer=c%001", "reader", 400, id="a character that no name can hold"),
        pytest.param("?customer=c1&signal=a%00", "reader", 400, id="the same in the signal"),
        pytest.param("?customer=c1&limit=501", "reader", 400, id="too many"),
        pytest.param("?customer=c1&limit=x", "reader", 400, id="no number"),
        pytest.param("?customer=c1&limit=500", "reader", 200, id="as many as there may be"),
    ],
)
async def test_what_is_asked_wrongly_is_a_problem(
    pool: db.Database, path: str, token: str, status: int
) -> None:
    async with a_client(pool) as client:
        answer = await client.get(
            f"/v1/decisions{path}", headers={"authorization": f"Bearer {token}"}
        )
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
