"""`listen` as a process on a real Kafka: played lines become messages, bad ones dead letters."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer
from aiokafka import AIOKafkaConsumer
from click.testing import Result
from typer.testing import CliRunner

from services.local.play import play
from tests.support.processes import free_port
from tests.support.topics import unique_topic
from tests.support.wait import eventually

OLIST = Path(__file__).parents[2] / "catalogs" / "olist"
DEADLINE = 60.0
ANSWER = {"kind": "survey.answered", "review": "r", "score": 1, "comment": None}


def lines(prefix: str, customers: int) -> list[str]:
    about = {"at": "2016-10-11T14:31:29", "owner": "SP", "state": "SP"}
    said: list[str] = []
    for each in range(customers):
        who = {**about, "order_id": f"o-{each}", "customer": f"{prefix}-{each}"}
        said.append(json.dumps({**who, "kind": "order.delivered", "late": False}))
        said.append(json.dumps({**who, "kind": "survey.sent"}))
        said.append(json.dumps({**who, **ANSWER}))
    return said


@pytest.fixture
def topic() -> str:
    return unique_topic("olist")


@pytest.fixture
def environment(
    kafka: str, database: str, topic: str, tmp_path: Path, service_environment: dict[str, str]
) -> dict[str, str]:
    catalog = tmp_path / "catalog"
    for file in (each for each in OLIST.rglob("*") if each.is_file()):
        target = catalog / file.relative_to(OLIST)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text("utf-8").replace("olist.events", topic), "utf-8")
    return {
        **service_environment,
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "TOUCHBACK_KAFKA_PARTITIONS": "3",
        "TOUCHBACK_POSTGRES_DSN": database,
        "TOUCHBACK_CATALOG": str(catalog),
        "TOUCHBACK_PII_KEYS": "k" * 32,
        "TOUCHBACK_HTTP_PORT": str(free_port()),
    }


async def command(environment: Mapping[str, str], *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *words, env=environment, stdout=PIPE, stderr=PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
    assert process.returncode == 0, err.decode()
    return out.decode()


@asynccontextmanager
async def running(environment: Mapping[str, str]) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.listen", "run", env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), 15)


async def published(environment: Mapping[str, str], name: str, prefix: str) -> Counter[str]:
    """How often each message about our customers stands on a topic, by `ce_id`."""
    servers = environment["TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS"].split(",")
    consumer = AIOKafkaConsumer(
        name, bootstrap_servers=servers, group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: Counter[str] = Counter()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while [each for each, end in ends.items() if await consumer.position(each) < end]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                ours = [each for each in records if (each.key or b"").startswith(prefix.encode())]
                found.update(dict(each.headers)["ce_id"].decode() for each in ours)
    finally:
        await consumer.stop()
    return found


async def played(environment: Mapping[str, str], topic: str, said: Sequence[str]) -> Result:
    """Plays beside this event loop: the command has its own."""
    app = typer.Typer()
    app.command()(play)
    servers = environment["TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS"]
    words = ["-", "--topic", topic, "--bootstrap", servers, "--key-field", "customer"]
    return await asyncio.to_thread(CliRunner().invoke, app, words, "\n".join(said))


async def test_killed_in_the_middle_it_says_everything_once_it_is_back(
    environment: dict[str, str], topic: str
) -> None:
    await command(environment, "services.listen", "migrate")
    said, customers = lines(topic, 400), 400

    async def answers() -> int:
        return len(await published(environment, "touchback.answers", topic))

    async with running(environment) as process:
        assert (await played(environment, topic, said)).exit_code == 0
        await eventually(answers, within=DEADLINE)
        process.kill()
        await process.wait()
    assert (await played(environment, topic, said)).exit_code == 0

    async def all_there() -> bool:
        signals = await published(environment, "touchback.signals", topic)
        return (await answers(), len(signals)) == (customers, customers)

    async with running(environment):
        await eventually(all_there, within=DEADLINE)


async def test_a_bad_line_is_named_and_an_unreadable_record_is_listed(
    environment: dict[str, str], topic: str
) -> None:
    await command(environment, "services.listen", "migrate")
    unmapped = json.dumps({"customer": f"{topic}-1", "kind": "order.delivered"})
    result = await played(environment, topic, ["oops", unmapped])
    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        1,
        "line 1: not a JSON object: oops",
    )

    async def letter() -> dict[str, str] | None:
        listed = await command(
            environment, "services.listen", "dead-letters", "list", "--json", "--limit", "10000"
        )
        abouts = [json.loads(line)["about"] for line in listed.splitlines() if line[0] == "{"]
        return next((about for about in abouts if about["topic"] == topic), None)

    async with running(environment):
        found = await eventually(letter, within=DEADLINE, every=0.5)
    assert (found["service"], found["class"]) == ("listen", "UnreadableMessage")
    assert re.fullmatch(r"source olist, line \d+: body.order_id is absent", found["message"])
