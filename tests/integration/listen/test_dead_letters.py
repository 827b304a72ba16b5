"""Dead letters on a real Kafka: found by reason, shown whole, sent once more and only once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from services.listen.letters import Letter, Wanted, newest
from services.listen.settings import Settings
from tests.integration.listen import ground
from tests.support.topics import unique_topic
from tests.support.wait import eventually

BROKEN = {
    "kind": "delivered",
    "id": "e-1",
    "at": "2026-03-02T08:00:00Z",
    "order": "o",
    "late": True,
}


async def listed(environment: dict[str, str], *words: str) -> list[dict[str, object]]:
    # Whoever looks at letters needs no key to what customers are called, and no catalog.
    kept = ("PII_KEYS", "CATALOG")
    bare = {name: value for name, value in environment.items() if not name.endswith(kept)}
    code, out, err = await ground.command(bare, "dead-letters", *words, "--json")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.timeout(300)
async def test_a_repaired_mapping_takes_the_letters_and_each_of_them_once(
    kafka: str, database: str, tmp_path: Path, service_environment: dict[str, str]
) -> None:
    topic = unique_topic("shop")
    folder = ground.catalog(tmp_path / "catalog", ground.sources(topic))
    environment = ground.environment_of(service_environment, kafka, database, folder, {})
    assert (await ground.command(environment, "migrate"))[0] == 0
    value, headers = json.dumps(BROKEN).encode(), [("x-kind", b"\xff")]
    producer = AIOKafkaProducer(bootstrap_servers=kafka.split(","))
    await producer.start()
    await producer.send_and_wait(topic, value=value, key=b"k", headers=headers)
    await producer.send_and_wait(topic, value=b"oops", key=b"k")
    await producer.stop()
    reason = ["--topic", topic, "--reason", "customer"]
    async with ground.running(environment):
        wanted = Wanted(topic=topic, reason="customer")

        async def refused() -> list[Letter]:
            return await newest(Settings.load(environment), wanted, 10)

        await eventually(refused, within=ground.DEADLINE, every=0.5)
        (one,) = await listed(environment, "list", *reason)
        (shown,) = await listed(environment, "show", str(one["id"]))
        assert json.loads(str(shown["value"])) == BROKEN
        assert (shown["key"], shown["headers"]) == ("k", [["x-kind", {"base64": "/w=="}]])
        sources = folder / "sources.yaml"
        text = sources.read_text("utf-8").replace("customer: 'body.customer'", "customer: '\"c\"'")
        sources.write_text(text, "utf-8")

    async with ground.running(environment):
        for outcome in ("queued", "replayed before"):
            done = await listed(environment, "replay", str(one["id"]))
            assert [each["outcome"] for each in done] == [outcome]

        async def mapped() -> bool:
            return 'touchback_signals_total{source="shop"} 1.0' in await ground.scrape(environment)

        await eventually(mapped, within=ground.DEADLINE, every=0.5)
    records = await ground.standing(kafka, topic)
    assert [(each.value, each.key, list(each.headers)) for each in records] == [
        (value, b"k", headers),
        (b"oops", b"k", []),
        (value, b"k", headers),
    ]
    code, _, err = await ground.command(environment, "dead-letters", "replay", "99/1")
    assert (code, err) == (1, "touchback: no such letter: 99/1\n")
