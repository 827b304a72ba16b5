"""Who comes too often is told to wait, and what they wrote stays on the page."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.integration.collect.service import TOKEN, Collect, started
from tests.support.clock import ManualClock
from tests.unit.collect.facts import CATALOG


@pytest.fixture
async def collect(migrated: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Collect]:
    catalog = tmp_path / "catalog"
    shutil.copytree(CATALOG, catalog)
    with (catalog / "policy.yaml").open("a") as policy:
        policy.write("\nlimits: {link: 3, address: 5, token: 2}\n")
    async with started(migrated, clock, catalog) as service:
        yield service


async def test_a_link_takes_so_many_posts_a_minute_and_keeps_the_text(collect: Collect) -> None:
    await collect.invite()
    for _ in range(3):
        await collect.browser.post(collect.page, data={"score": "2"})
    late = await collect.browser.post(collect.page, data={"score": "3", "comment": "so slow"})
    assert (late.status_code, late.headers["retry-after"]) == (429, "20")
    assert "so slow" in late.text
    assert 'name="score" value="3"' in late.text
    assert (await collect.browser.get(collect.page)).status_code == 200


async def test_an_address_opens_so_many_pages_a_minute(collect: Collect) -> None:
    transport = httpx.ASGITransport(collect.runtime.application(), client=("8.8.8.8", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://survey") as browser:
        codes = [(await browser.get("/f")).status_code for _ in range(6)]
    assert codes == [200] * 5 + [429]
    assert (await collect.browser.get("/f")).status_code == 200


async def test_a_token_writes_so_often_a_minute(collect: Collect) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": "k"}
    body = {"text": "Hello", "score": 3}
    said = [
        await collect.browser.post("/v1/feedback", json=body, headers=headers) for _ in range(3)
    ]
    assert [each.status_code for each in said] == [201, 201, 429]
    assert said[2].headers["content-type"] == "application/problem+json"
    assert said[2].headers["retry-after"] == "30"
