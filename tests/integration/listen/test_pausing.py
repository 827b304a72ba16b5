"""A broken mapping pauses its topic on a real Kafka: nothing is lost, nobody else waits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.integration.listen import ground
from tests.support.topics import unique_topic
from tests.support.wait import eventually

pytestmark = pytest.mark.timeout(300)
COUNT = 200
PAUSE = "  pause: {share: 0.5, at_least: 10, within: 5m}\n"


class House:
    """One `listen` with a sound source and one whose mapping can be broken."""

    def __init__(self, environment: dict[str, str], folder: Path, shop: str, bank: str) -> None:
        self.environment, self.folder, self.shop, self.bank = environment, folder, shop, bank

    def write(self, *, broken: bool) -> None:
        customer = "body.no_such_field" if broken else "body.customer"
        shop = ground.sources(self.shop, PAUSE).replace("'body.customer'", f"'{customer}'")
        ground.catalog(self.folder, shop, ground.sources(self.bank, PAUSE, "bank"))

    async def metric(self, name: str) -> float:
        lines = (await ground.scrape(self.environment)).splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    async def signals(self, source: str, count: int) -> None:
        async def there() -> bool:
            name = f'touchback_signals_total{{source="{source}"}}'
            return await self.metric(name) == count

        await eventually(there, within=ground.DEADLINE, every=0.3)

    async def paused(self, source: str, value: float) -> None:
        async def so() -> bool:
            name = f'touchback_source_paused{{source="{source}"}}'
            return await self.metric(name) == value

        await eventually(so, within=ground.DEADLINE, every=0.3)

    async def ask(self, method: str, path: str) -> tuple[int, dict[str, object]]:
        headers = {"Authorization": f"Bearer {ground.TOKEN}", "Idempotency-Key": "k"}
        address = ground.url(self.environment, path)
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, address, headers=headers) as response,
        ):
            return response.status, json.loads(await response.text())


@pytest.fixture
async def house(
    kafka: str, database: str, tmp_path: Path, service_environment: dict[str, str]
) -> House:
    folder, shop, bank = tmp_path / "catalog", unique_topic("shop"), unique_topic("bank")
    environment = ground.environment_of(service_environment, kafka, database, folder, {})
    made = House(environment, folder, shop, bank)
    made.write(broken=True)
    assert (await ground.command(environment, "migrate"))[0] == 0
    return made


@asynccontextmanager
async def broken(house: House, kafka: str) -> AsyncIterator[None]:
    """Runs with a topic full of what its mapping refuses, until that has paused."""
    await ground.publish(kafka, house.shop, [ground.delivered(each) for each in range(COUNT)])
    async with ground.running(house.environment):
        await house.paused("shop", 1)
        yield


async def test_it_pauses_and_goes_on_where_it_stood_once_the_mapping_is_repaired(
    house: House, kafka: str
) -> None:
    async with broken(house, kafka):
        await ground.publish(kafka, house.bank, [ground.delivered(each) for each in range(COUNT)])
        await house.signals("bank", COUNT)
        refused = f'touchback_dead_letters_total{{reason="UnreadableMessage",topic="{house.shop}"'
        letters = await house.metric(refused)
        assert letters == 10
        status, said = await house.ask("GET", "/v1/sources")
        assert status == 200
        (shop,) = [each for each in said["sources"] if each["source"] == "shop"]  # type: ignore[attr-defined]
        assert shop["paused"]
        assert shop["pauses"][0]["reason"].startswith("source shop, line ")
        house.write(broken=False)
        await house.paused("shop", 0)
        await house.signals("shop", COUNT - 10)
        assert await house.metric(refused) == letters


async def test_the_pause_outlives_the_process(house: House, kafka: str) -> None:
    async with broken(house, kafka):
        pass
    async with ground.running(house.environment):
        await ground.publish(kafka, house.bank, [ground.delivered(1)])
        await house.signals("bank", 1)
        await house.paused("shop", 1)
        assert await house.metric("touchback_dead_letters_total{") == 10


async def test_somebody_may_accept_that_the_rest_is_refused(house: House, kafka: str) -> None:
    async with broken(house, kafka):
        code, out, _ = await ground.command(house.environment, "sources", "--json")
        assert (code, [json.loads(line)["paused"] for line in out.splitlines()]) == (
            1,
            [True, False],
        )
        assert (await house.ask("POST", "/v1/sources/shop/resume"))[0] == 202
        code, out, _ = await ground.command(
            house.environment, "resume", "shop", "--accept-failures", "15m"
        )
        assert (code, out) == (0, "shop: will be looked at now\n")

        async def drained() -> bool:
            return await house.metric("touchback_dead_letters_total{") == COUNT

        await eventually(drained, within=ground.DEADLINE, every=0.3)
        assert (await house.ask("POST", "/v1/sources/nobody/resume"))[0] == 404
