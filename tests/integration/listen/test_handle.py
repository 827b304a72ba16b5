"""From records to the outbox, on a real PostgreSQL: each thing once, contact details encrypted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.listen.app import MIGRATIONS
from services.listen.handlers import Listener
from services.listen.model import Finding
from services.listen.policy import dialects
from shared import migrate, tallies
from shared.catalog.loader import load
from shared.clock import Clock, monotonic
from shared.consume import Consumer
from shared.contracts.envelope import Event, decode
from shared.contracts.signals import Answer, Profile, Signal
from shared.db import Database, Row
from shared.metrics import Kernel
from shared.pii import Pii
from shared.pulse import Pulse
from shared.records import Record

CATALOGS = Path(__file__).parents[2] / "catalogs"
EXAMPLE = Path(__file__).parents[3] / "deploy" / "catalog"
KEYS = ["k" * 32]
PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
AT = "2016-10-11T14:31:29"
DELIVERED = {
    "at": AT,
    "kind": "order.delivered",
    "order_id": "o-1",
    "customer": "c-1",
    "state": "SP",
    "owner": "MG",
    "late": True,
}
ANSWERED = {
    "at": AT,
    "kind": "survey.answered",
    "score": 1,
    "comment": "NÃO CHEGOU",
    "order_id": "o-1",
    "customer": "c-1",
    "owner": None,
    "review": "r-1",
}
SENT = {"at": AT, "kind": "survey.sent", "order_id": "o-1", "customer": "c-1", "review": "r-1"}
SHIPPED = {**DELIVERED, "kind": "order.shipped"}
CARD = {
    "id": "evt-4",
    "customer": "c-9",
    "at": "2026-03-02T08:00:00Z",
    "email": "ada@customers.example",
    "name": "Ada Ône",
    "locale": "en",
}


@pytest.fixture
async def listening(database: str) -> AsyncIterator[Database]:
    await migrate.apply(database, "listen", MIGRATIONS)
    opened = Database(database, "listen")
    await opened.open()
    yield opened
    await opened.close()


def consumer(database: Database, clock: Clock, catalog: Path) -> Consumer[Finding]:
    taken = dialects(load(catalog))
    listener = Listener(lambda: taken, Pii(KEYS), KEYS[0])
    return Consumer(
        service="listen",
        database=database,
        clock=clock,
        parse=listener.parse,
        handle=listener.handle,
        counters=Kernel(CollectorRegistry(), "tests").counters,
        pulse=Pulse("consumer", monotonic),
    )


def records(topic: str, bodies: Sequence[object], first: int = 0) -> list[Record]:
    return [
        Record(topic, 0, offset, 1_700_000_000_000, None, body, (("traceparent", PARENT.encode()),))
        for offset, body in enumerate(
            (each if isinstance(each, bytes) else json.dumps(each).encode() for each in bodies),
            first,
        )
    ]


async def outbox(database: Database) -> list[Row]:
    async with database.connection() as connection:
        return await connection.fetch("select * from outbox order by position")


async def counted(database: Database) -> dict[str, dict[tuple[str, ...], float]]:
    async with database.connection() as connection:
        return {name: dict(counts) for name, counts in (await tallies.read(connection)).items()}


def event(row: Row) -> Event:
    names, values = row["header_names"], row["header_values"]
    headers = {name: value.decode() for name, value in zip(names, values, strict=True)}
    found = decode(headers, row["payload"])
    assert found is not None
    return found


async def test_events_become_messages_keyed_by_customer(listening: Database, clock: Clock) -> None:
    olist = consumer(listening, clock, CATALOGS / "olist")
    await olist.take(records("olist.events", [DELIVERED, ANSWERED]))
    rows = await outbox(listening)
    assert [(row["aggregatetype"], row["record_key"]) for row in rows] == [
        ("touchback.signals", b"c-1"),
        ("touchback.answers", b"c-1"),
    ]
    signal, answer = map(event, rows)
    assert isinstance(signal.body, Signal)
    assert (signal.source, signal.subject, signal.traceparent) == (
        "touchback/listen",
        "c-1",
        PARENT,
    )
    assert signal.time.isoformat() == "2016-10-11T14:31:29+00:00"
    assert isinstance(answer.body, Answer)
    assert (answer.body.score, answer.body.comment) == (1, "NÃO CHEGOU")


async def test_what_says_nothing_is_counted_and_goes_nowhere(
    listening: Database, clock: Clock
) -> None:
    olist = consumer(listening, clock, CATALOGS / "olist")
    await olist.take(records("olist.events", [SENT, SHIPPED, DELIVERED, SENT]))
    assert len(await outbox(listening)) == 1
    assert await counted(listening) == {
        "events_skipped": {("olist",): 2},
        "signals_unused": {("olist",): 1},
        "signals": {("olist",): 1},
    }


async def test_played_twice_nothing_new_is_said(listening: Database, clock: Clock) -> None:
    olist = consumer(listening, clock, CATALOGS / "olist")
    bodies = [DELIVERED, ANSWERED, DELIVERED]
    await olist.take(records("olist.events", bodies))
    first = await outbox(listening)
    await olist.take(records("olist.events", bodies))
    await olist.take(records("olist.events", bodies, first=100))
    assert await outbox(listening) == first
    assert (await counted(listening)) == {
        "signals": {("olist",): 1},
        "answers": {("olist",): 1},
    }


async def test_what_says_nothing_is_counted_once_wherever_a_batch_breaks_off(
    listening: Database, clock: Clock
) -> None:
    olist = consumer(listening, clock, CATALOGS / "olist")
    said = records("olist.events", [SENT, SHIPPED, b"oops", SENT, DELIVERED, SENT])
    for first, end in ((0, 4), (0, 4), (2, 6), (5, 6), (0, 6)):
        await olist.take(said[first:end])
    counts = await counted(listening)
    assert counts["events_skipped"] == {("olist",): 3}
    assert counts["signals_unused"] == {("olist",): 1}
    anew = [replace(each, timestamp=each.timestamp + 1) for each in said]
    await olist.take(anew)
    assert (await counted(listening))["events_skipped"] == {("olist",): 6}


async def test_contact_details_leave_encrypted_and_only_they(
    listening: Database, clock: Clock
) -> None:
    example = consumer(listening, clock, EXAMPLE)
    await example.take(records("crm.customers", [CARD, CARD]))
    (row,) = await outbox(listening)
    assert b"ada@customers.example" not in row["payload"]
    card = event(row).body
    assert isinstance(card, Profile)
    assert (card.locale, card.phone) == ("en", None)
    assert Pii(KEYS).decrypt(card.email or "") == "ada@customers.example"
    assert Pii(KEYS).decrypt(card.name or "") == "Ada Ône"
    assert await counted(listening) == {"profiles": {("crm",): 1}}


async def test_an_unreadable_record_is_a_dead_letter_and_holds_nobody_up(
    listening: Database, clock: Clock
) -> None:
    olist = consumer(listening, clock, CATALOGS / "olist")
    broken = {name: value for name, value in ANSWERED.items() if name != "customer"}
    await olist.take(records("olist.events", [b"\xffoops", broken, ANSWERED]))
    letters = {
        dict(zip(row["header_names"], row["header_values"], strict=True))["x-error-message"]: row
        for row in await outbox(listening)
        if row["aggregatetype"] == "touchback.dead-letters"
    }
    assert (
        letters[b"source olist: the body is not text in UTF-8 (byte 0)"]["payload"] == b"\xffoops"
    )
    assert any(
        re.fullmatch(rb"source olist, line \d+: body.customer is absent", said) for said in letters
    )
    assert (await counted(listening))["answers"] == {("olist",): 1}
    assert (await counted(listening))["dead_letters"] == {("olist.events", "UnreadableMessage"): 2}


def olist_log(shared_data: Path, limit: int) -> list[dict[str, object]]:
    tool, logs = shared_data / "tools" / "olist_stream.py", shared_data / "logs" / "olist"
    command = [sys.executable, str(tool), str(logs), "--limit", str(limit)]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    return [json.loads(line) for line in said.splitlines()]


async def test_a_slice_of_the_real_order_log_is_counted_line_by_line(
    listening: Database, clock: Clock, shared_data: Path
) -> None:
    log = olist_log(shared_data, 2000)
    kinds = Counter(str(line["kind"]) for line in log)
    olist = consumer(listening, clock, CATALOGS / "olist")
    for _ in ("played", "played again"):
        await take_all(olist, log)
    rows = await outbox(listening)
    assert Counter(row["aggregatetype"] for row in rows) == {
        "touchback.signals": kinds["order.delivered"],
        "touchback.answers": kinds["survey.answered"],
    }
    scores = Counter(body.score for row in rows if isinstance(body := event(row).body, Answer))
    assert scores == Counter(line["score"] for line in log if line["kind"] == "survey.answered")
    counts = {name: sum(values.values()) for name, values in (await counted(listening)).items()}
    assert sum(counts.values()) == len(log)
    assert "dead_letters" not in counts


async def take_all(olist: Consumer[Finding], log: Sequence[object]) -> None:
    """In batches, as they would come; a record that was there already has its old place."""
    for first in range(0, len(log), 500):
        await olist.take(records("olist.events", log[first : first + 500], first))
