"""Answers through faults: what was thanked for is stored, and told once, whatever goes away."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from shared import kafka, topics
from shared.catalog.loader import load
from tests.support import answering, reading
from tests.support.alone import alone, served
from tests.support.databases import Databases
from tests.support.kafka_broker import KafkaBroker
from tests.support.wait import eventually_holds

pytestmark = pytest.mark.timeout(900)
ANSWERS = 1000
AT_ONCE = 16
KILLS = int(os.environ.get("TOUCHBACK_TEST_KILLS", "8"))
RECEIVED = "touchback.response.received.v1"


@pytest.mark.parametrize("busy", [False, True], ids=["at rest", "in the middle of a batch"])
async def test_answers_given_while_kafka_is_away_are_told_once_each_when_it_is_back(
    own_kafka: KafkaBroker, databases: Databases, tmp_path: Path, busy: bool
) -> None:
    await asyncio.to_thread(own_kafka.start)
    where = {"bootstrap": own_kafka.bootstrap, "idempotence": own_kafka.idempotence}
    async with alone("collect", databases, tmp_path, **where) as stack:

        async def all_went_out() -> None:
            assert await stack.count("collect", "outbox") == 0

        await kafka.create_topics(stack.settings, load(stack.catalog).sources_by_topic)
        some, rest = range(ANSWERS // 10), range(ANSWERS // 10, ANSWERS)
        told = await answering.crowd(answering.by_api(stack), some, AT_ONCE)
        if not busy:
            await eventually_holds(all_went_out, within=60, every=0.2)
        await asyncio.to_thread(own_kafka.stop)
        told |= await answering.crowd(answering.by_api(stack), rest, AT_ONCE)
        assert await stack.count("collect", "responses") == ANSWERS == len(told)
        await asyncio.to_thread(own_kafka.start)
        await eventually_holds(all_went_out, within=120, every=0.5)
        headers = [each.text_headers for each in await reading.records(stack, topics.RESPONSES)]
        received = Counter(each["ce_id"] for each in headers if each["ce_type"] == RECEIVED)
        repeated = received.total() - len(received)
        print(f"{ANSWERS} answers, {len(rest)} without Kafka: {repeated} repeated on the topic")
        assert len(received) == ANSWERS
        # What was on its way when Kafka went may come twice, under one id that readers know again.
        assert repeated == 0 or busy


async def test_what_was_acknowledged_and_what_is_stored_are_the_same_whenever_it_is_killed(
    databases: Databases, tmp_path: Path
) -> None:
    chance = random.Random(5)
    async with alone("collect", databases, tmp_path) as stack:
        by_api, by_page = range(0, ANSWERS), range(ANSWERS, 2 * ANSWERS)
        await answering.invited(stack, by_page)
        crowds = [
            asyncio.create_task(answering.crowd(answering.by_api(stack), by_api, AT_ONCE)),
            asyncio.create_task(answering.crowd(answering.by_page(stack), by_page, AT_ONCE)),
        ]
        kills = 0
        while kills < KILLS and not all(each.done() for each in crowds):
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            stack.kill("collect")
            kills += 1
            await served(stack, "collect")
        acknowledged = [said for each in crowds for said in (await each).values()]
        async with stack.reading("collect") as connection:
            stored = [row[0] for row in await connection.fetch("select response_id from responses")]
        print(f"{kills} kills; acknowledged {len(acknowledged)}, stored {len(stored)}")
        assert kills == KILLS, "it answered faster than it was killed: ask for more answers"
        assert len(acknowledged) == len(stored) == 2 * ANSWERS
        assert set(acknowledged) == set(stored)
