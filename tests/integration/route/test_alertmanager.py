"""A real Alertmanager takes our alerts, joins repeats, and sees them end with their case."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.route import policy
from services.route.sweep import refresh
from shared import db
from shared.catalog import Channel
from shared.clock import monotonic
from shared.pulse import Pulse
from shared.timers import Sweep
from shared.wake import Wake
from tests.integration.route.ground import (
    ShiftedClock,
    case_events,
    completed,
    delivering,
    from_close,
    loop_of,
    said,
    states,
    take,
)
from tests.support.processes import LOOPBACK, free_port
from tests.support.wait import eventually
from tests.unit.route.catalogs import catalog, response, team

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"

pytestmark = pytest.mark.skipif(
    BINARY is None, reason="no Alertmanager here: install Debian's prometheus-alertmanager"
)


@pytest.fixture
async def alertmanager(tmp_path: Path) -> AsyncIterator[str]:
    """Its address; it keeps its data to itself and talks to no other one."""
    port = free_port()
    (tmp_path / "alertmanager.yml").write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        str(BINARY),
        f"--config.file={tmp_path / 'alertmanager.yml'}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    address = f"http://{LOOPBACK}:{port}"
    try:
        await eventually(lambda: _alerts(address, all_of_them=True), within=30)
        yield address
    finally:
        process.kill()
        await process.wait()


async def test_a_case_is_one_alert_that_ends_with_it(
    route_db: db.Database, alertmanager: str
) -> None:
    channel = Channel(channel="watch", kind="alertmanager", url=alertmanager)
    known = catalog(None, team("care", channel))
    now = ShiftedClock().now()
    low = response(received_at=now, at=now, comment='It "broke"\nagain \\ 坏了')
    await take(route_db, known, completed(low), now=now)
    (case,) = await case_events(route_db, "opened")

    async with delivering(loop_of(route_db, known)):
        alert = (await eventually(lambda: _alerts(alertmanager), within=15))[0]
        assert alert["labels"]["reference"] == case.case_id
        assert alert["labels"]["team"] == "care"
        assert alert["annotations"]["comment"] == 'It "broke"\nagain \\ 坏了'
        assert alert["generatorURL"].endswith(f"/cases/{case.case_id}")
        await take(route_db, known, from_close(case, "closed", version=9, state="closed"))
        await eventually(lambda: _ended(alertmanager), within=15)

    assert (await states(route_db))["delivered"] == 2


async def test_a_case_that_becomes_more_urgent_is_still_one_alert(
    route_db: db.Database, alertmanager: str
) -> None:
    channel = Channel(channel="watch", kind="alertmanager", url=alertmanager)
    again = [{"when": "response.low_scores >= 2", "priority": "high"}]
    known = catalog({"team": "care", "priorities": again}, team("care", channel))
    now = ShiftedClock().now()

    async with delivering(loop_of(route_db, known)):
        await take(route_db, known, completed(response("r1", received_at=now, at=now)), now=now)
        await eventually(lambda: _severities(alertmanager, "warning"), within=15)
        await take(route_db, known, completed(response("r2", received_at=now, at=now)), now=now)
        await eventually(lambda: _severities(alertmanager, "critical"), within=15)


async def test_of_a_case_that_stays_open_it_is_told_again_before_it_would_end(
    route_db: db.Database, alertmanager: str
) -> None:
    channel = Channel(channel="watch", kind="alertmanager", url=alertmanager)
    known = catalog(None, team("care", channel))
    clock = ShiftedClock()
    now = clock.now()
    handlers = {policy.REFRESHED: refresh}
    sweep = Sweep(route_db, clock, Wake(route_db), handlers, Pulse("timers", monotonic))
    await take(route_db, known, completed(response(received_at=now, at=now)), now=now)
    (case,) = await case_events(route_db, "opened")

    async with delivering(loop_of(route_db, known, clock=clock)):
        ends = [(await eventually(lambda: _alerts(alertmanager), within=15))[0]["endsAt"]]
        await eventually(lambda: _are(route_db, delivered=1), within=15)
        assert await sweep.step() == 0
        for rounds in (1, 2):
            clock.ahead = rounds * timedelta(minutes=61)
            assert await sweep.step() == 1
            await eventually(lambda: _are(route_db, delivered=2), within=15)
            ends.append((await _alerts(alertmanager))[0]["endsAt"])
        await take(route_db, known, from_close(case, "closed", version=9, state="closed"))
        await eventually(lambda: _are(route_db, delivered=3), within=15)
        clock.ahead = timedelta(days=1)
        await sweep.step()

    assert ends[0] < ends[1] < ends[2]
    assert await states(route_db) == {"delivered": 3}
    # Readers of the topic hear of what is news, not of every hour.
    assert (await said(route_db))["alert.delivered.v1"] == 2


async def _are(database: db.Database, **expected: int) -> bool:
    return await states(database) == expected


async def _severities(address: str, *expected: str) -> bool:
    return [each["labels"]["severity"] for each in await _alerts(address)] == list(expected)


async def _alerts(address: str, *, all_of_them: bool = False) -> Any:
    try:
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{address}/api/v2/alerts") as answer,
        ):
            found = await answer.json()
    except aiohttp.ClientError as error:
        raise AssertionError(str(error)) from error
    return True if all_of_them else found


async def _ended(address: str) -> bool:
    return await _alerts(address) == []
