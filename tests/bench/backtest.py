"""How many events a second a backtest takes, on one core, from lines of JSON to the report."""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.ask.backtest import figures, inputs
from services.ask.backtest.life import REACHABLE
from services.ask.policy import book
from shared.catalog.catalog import Catalog
from shared.catalog.loader import load
from tests.support.stack import PROJECT

EVENTS = 1_000_000
CUSTOMERS = 120_000
AIM = 50_000
CATALOG = PROJECT / "deploy" / "catalog"
START = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)

# What a utility's systems publish in a year: most of it is worth no look of a touchpoint.
MIX = {
    "metering.reading.taken": 30,
    "billing.payment.received": 14,
    "portal.login": 14,
    "billing.invoice.issued": 14,
    "ordering.order.placed": 5,
    "ordering.order.shipped": 5,
    "ordering.order.delivered": 5,
    "support.ticket.opened": 4,
    "support.ticket.updated": 4,
    "support.ticket.closed": 4,
    "support.ticket.reopened": 0.5,
    "ordering.order.returned": 0.5,
}
HEARD = {
    "billing.invoice.issued": 48,
    "ordering.order.delivered": 24,
    "support.ticket.closed": 24,
    "support.ticket.reopened": 2,
    "ordering.order.returned": 2,
}


def measure() -> None:
    """Prints events a second of CPU time for a whole stream, and for one that matters entirely."""
    events = int(os.environ.get("BENCH_EVENTS", EVENTS))
    with tempfile.TemporaryDirectory() as folder:
        for what, mix in (("everything that systems publish", MIX), ("all of it matters", HEARD)):
            file = Path(folder) / "events.jsonl"
            with file.open("w", encoding="utf-8") as stream:
                stream.writelines(_lines(events, mix))
            print(f"  {what}: {events:,} events of {CUSTOMERS:,} customers in a year,")
            print(f"    {file.stat().st_size / 1e6:,.0f} MB of JSON lines")
            _peer(file, events)
            _timed(file, events, load(CATALOG))


def _lines(events: int, mix: dict[str, float]) -> Iterator[str]:
    drawn = random.Random(7)
    names = drawn.choices(list(mix), list(mix.values()), k=events)
    for number, name in enumerate(names):
        customer = f"c-{int(CUSTOMERS * drawn.random() ** 1.5):06}"
        attributes = {"region": drawn.choice(("north", "south")), "product": "electricity"}
        attributes |= {"sequence": drawn.randrange(1, 13), "amount": round(drawn.random() * 90, 2)}
        signal = {
            "signal": name,
            "source": name.partition(".")[0],
            "source_event_id": f"evt-{number:08}",
            "customer_id": customer,
            "occurred_at": (START + YEAR * number / events).isoformat(),
            "correlation": f"{customer}/{drawn.randrange(30)}",
            "attributes": attributes,
        }
        yield json.dumps(signal) + "\n"


def _peer(file: Path, events: int) -> None:
    started = time.process_time()
    with file.open("rb") as stream:
        for line in stream:
            json.loads(line)
    print(f"    peer, json.loads of each line alone: {_rate(events, started)}")
    print(f"    others on this machine while it ran: load {os.getloadavg()[0]:.1f}")


def _timed(file: Path, events: int, catalog: Catalog) -> None:
    gc.disable()
    started = time.process_time()
    given = inputs.Input(book(catalog).heard, print)
    inputs.read_file(str(file), given)
    read = time.process_time() - started
    found = figures.run(catalog, given.in_order(), REACHABLE)
    figures.plain(found)
    gc.enable()
    decisions = sum(found.outcomes.values())
    print(f"    backtest: {_rate(events, started)} (aim: {AIM:,}), {read:.1f} s of it reading;")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"    {given.heard:,} matter, {decisions:,} decisions, {peak:,.0f} MB at the peak")


def _rate(events: int, started: float) -> str:
    seconds = time.process_time() - started
    return f"{events / seconds:,.0f} events/s of CPU time ({seconds:.1f} s)"
