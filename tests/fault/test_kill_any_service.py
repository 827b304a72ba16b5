"""SIGKILL to any one service in the middle of the order log changes no count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import topics
from tests.support import ledger, orderlog, reading
from tests.support.stack import SERVICES, Ground, World, world

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def lines(shared_data: Path) -> list[str]:
    return orderlog.part(orderlog.order_log(shared_data))


@pytest.fixture
async def running(ground: Ground, tmp_path: Path) -> AsyncIterator[World]:
    async with world(ground, tmp_path, orderlog.CATALOG) as made:
        made.stack.start()
        await made.stack.ready()
        yield made


@pytest.mark.parametrize("victim", SERVICES)
async def test_a_killed_service_changes_no_count(
    running: World, lines: list[str], victim: str
) -> None:
    await orderlog.play_and_kill(running, lines, victim)
    wanted, stack = orderlog.expected(lines), running.stack
    assert await orderlog.seen(stack) == wanted
    for service in ("close", "console"):
        assert await stack.count(service, "cases") == wanted.opened
    assert len({call.headers["webhook-id"] for call in running.hooks.calls}) == wanted.opened
    assert await reading.records(stack, topics.DEAD_LETTERS) == []
    await ledger.check(running)
