"""Replicas of `ask` come, go and are killed in the middle of a burst: no cap breaks, and every
signal is decided once per touchpoint."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from shared import topics
from shared.clock import SystemClock
from shared.contracts.asks import Decision
from shared.contracts.envelope import encode
from shared.contracts.signals import Signal
from tests.support import reading
from tests.support.catalogs import catalog_files, write_catalog
from tests.support.stack import Ground, Stack, some_ports, world
from tests.support.wait import eventually
from tests.unit.ask.moments import FILES, a_signal, an_event

pytestmark = pytest.mark.timeout(900)
CUSTOMERS = 30
PARTITIONS = 3
BATCH = 3
TOUCHPOINTS = """\
- touchpoint: delivered
  on: {signal: order.delivered}
  survey: delivery
  channels: [kafka]
- touchpoint: praised
  on: {signal: order.delivered}
  survey: delivery
  channels: [kafka]
  priority: 90
- touchpoint: often
  on: {count: order.delivered, at_least: 3, within: 7d}
  act: case
"""
POLICY = 'hold_window: 1s\nsend_window: {start: "00:00", end: "24:00"}\n'
CONSUMED = "touchback_events_consumed_total"


class Burst:
    """Signals of few customers on all partitions at once, many of them twice: whoever reads them,
    another replica has to do with the same customer at the same moment."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._chance = random.Random(11)
        self._over = asyncio.Event()
        self.signals: dict[str, Signal] = {}

    def stop(self) -> None:
        self._over.set()

    async def run(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()
        try:
            while not self._over.is_set():
                for _ in range(BATCH):
                    await self._publish(producer)
                await producer.flush()
                await asyncio.sleep(0.1)
        finally:
            await producer.stop()

    async def _publish(self, producer: AIOKafkaProducer) -> None:
        number = len(self.signals)
        signal = a_signal(
            f"e{number}",
            customer=f"c{self._chance.randrange(CUSTOMERS)}",
            at=SystemClock().now(),
            correlation=f"o{number}",
        )
        self.signals[signal.source_event_id] = signal
        again = [self._chance.choice(list(self.signals.values()))] if number % 3 == 0 else []
        for each in (signal, *again):
            headers, value = encode(an_event(each))
            await producer.send(
                topics.SIGNALS,
                value=value,
                key=each.customer_id.encode(),
                headers=headers,
                partition=self._chance.randrange(PARTITIONS),
            )


async def consumed(stack: Stack) -> float:
    """How many records this process has taken since it started."""
    async with aiohttp.ClientSession() as client, client.get(stack.url("ask", "/metrics")) as said:
        lines = (await said.text()).splitlines()
    found = [line for line in lines if line.startswith(CONSUMED + "{") and topics.SIGNALS in line]
    return sum(float(line.rpartition(" ")[2]) for line in found)


async def takes_part(stack: Stack) -> None:
    """Return once the replica is ready and has taken something: it has partitions of its own."""
    await stack.ready("ask")

    async def took() -> bool:
        return await consumed(stack) > 0

    await eventually(took, within=60, every=0.2)


@asynccontextmanager
async def replicas(ground: Ground, folder: Path) -> AsyncIterator[tuple[Stack, Stack]]:
    """Two places for a replica, on one broker and one database."""
    files = {**FILES, "touchpoints.yaml": TOUCHPOINTS, "policy.yaml": POLICY}
    catalog = write_catalog(folder / "written", catalog_files(files))
    async with world(ground, folder, catalog) as made:
        (folder / "second").mkdir()
        second = replace(made.stack, folder=folder / "second", ports=some_ports(), _processes={})
        try:
            yield made.stack, second
        finally:
            second.stop_all()


async def test_replicas_that_join_leave_and_die_in_a_burst_break_no_cap(
    ground: Ground, tmp_path: Path
) -> None:
    began = time.monotonic()
    async with replicas(ground, tmp_path) as (one, two):
        burst = Burst(one.bootstrap)
        publishing = asyncio.create_task(burst.run())
        one.start("ask")
        await takes_part(one)
        two.start("ask")
        await takes_part(two)  # the first rebalance
        one.kill("ask")  # found out by its silence: what it had in hand is read again
        one.start("ask")
        await takes_part(one)
        two.stop("ask")  # this one says goodbye
        two.start("ask")
        await takes_part(two)
        burst.stop()
        await publishing
        await eventually(lambda: all_decided(one, burst), within=240, every=0.5)
        await nothing_is_wrong(one, burst)
    print(
        f"{len(burst.signals)} signals of {CUSTOMERS} customers, 5 changes of the group, one by"
        f" SIGKILL: {time.monotonic() - began:.0f} s"
    )


async def all_decided(stack: Stack, burst: Burst) -> bool:
    """Whether nothing waits any more: no moment, no message, no ask on its way."""
    signals = await stack.count("ask", "signals")
    assert signals == len(burst.signals)
    for table in ("candidates", "outbox", "invitations where state in ('planned', 'sending')"):
        assert await stack.count("ask", table) == 0, table
    return True


async def nothing_is_wrong(stack: Stack, burst: Burst) -> None:
    """The ledger: what stands in the tables, and what others were told."""
    per_customer = Counter(each.customer_id for each in burst.signals.values())
    # Each delivery means both questions, and from a customer's third on a case.
    wanted = 2 * len(burst.signals) + sum(max(0, count - 2) for count in per_customer.values())
    told = [each.body for each in await reading.events(stack, topics.DECISIONS)]
    decided = Counter(
        (each.source_event_id, each.touchpoint) for each in told if isinstance(each, Decision)
    )
    assert await stack.count("ask", "decisions") == wanted == len(decided)
    assert set(decided.values()) == {1}, "decided twice"
    sent = [
        each.subject
        for each in await reading.events(stack, topics.INVITATIONS)
        if each.type == "touchback.invitation.sent.v1"
    ]
    assert sorted(sent) == sorted(per_customer), "asked more than once within 30 days, or never"
    assert await stack.count("ask", "invitations where state = 'sent'") == len(per_customer)
