"""The Olist order log through all six services, one of which is killed in the middle of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from shared import topics
from shared.catalog.loader import load
from shared.contracts.asks import Decision
from tests.support import orderlog, reading
from tests.support.orderlog import Outcome
from tests.support.stack import Ground, World, world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1800)]

ISSUE = Outcome(
    answers=8225,
    low=3020,
    opened=2987,
    attached=33,
    owners=Counter({"SP": 1734, "none": 619, "PR": 188, "MG": 181, "RJ": 124}),
    teams=Counter(),
)
"""What the whole log comes to, as published; of the owners the five with the most."""


@pytest.fixture(scope="module")
def log(shared_data: Path) -> list[str]:
    return orderlog.order_log(shared_data)


@pytest.fixture(scope="module")
def lines(log: list[str]) -> list[str]:
    """What is played: all of it, or a slice."""
    return orderlog.part(log)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(
    ground: Ground, lines: list[str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """The log played once, with `route` killed while it was at it."""
    async with world(ground, tmp_path_factory.mktemp("log"), orderlog.CATALOG) as made:
        made.stack.start()
        await made.stack.ready()
        await orderlog.play_and_kill(made, lines, "route")
        yield made


async def test_the_whole_log_holds_what_was_published(log: list[str]) -> None:
    """Otherwise what is expected of the slice proves nothing."""
    found = orderlog.expected(log)
    assert found.owners.most_common(5) == ISSUE.owners.most_common()
    assert (found.answers, found.low, found.opened, found.attached) == (
        ISSUE.answers,
        ISSUE.low,
        ISSUE.opened,
        ISSUE.attached,
    )


async def test_each_low_answer_opens_or_joins_a_case_at_its_owner(
    played: World, lines: list[str]
) -> None:
    wanted = orderlog.expected(lines)
    assert wanted.attached, "the log must hold customers who were unhappy twice"
    assert await orderlog.seen(played.stack) == wanted


async def test_close_and_console_keep_every_case_open(played: World, lines: list[str]) -> None:
    wanted = orderlog.expected(lines)
    for service in ("close", "console"):
        async with played.stack.reading(service) as connection:
            rows = await connection.fetch("select team, count(*) as n from cases group by team")
        assert {row["team"]: row["n"] for row in rows} == dict(wanted.teams), service
    async with (
        aiohttp.ClientSession() as client,
        client.get(played.stack.url("console", "/v1/summary")) as response,
    ):
        assert (await response.json())["open"] == wanted.opened


async def test_each_case_reaches_each_channel_of_its_team_as_one_alert(
    played: World, lines: list[str]
) -> None:
    """Route was killed: a repeat is allowed, if it says by its id that it is one."""
    alerts = {call.headers["webhook-id"]: json.loads(call.body) for call in played.hooks.calls}
    paths = Counter({call.headers["webhook-id"]: call.path for call in played.hooks.calls}.values())
    teams = orderlog.expected(lines).teams
    assert {f"/hooks/{team}": n for team, n in teams.items()} == dict(paths)
    assert len({alert["case_id"] for alert in alerts.values()}) == teams.total()
    mailed = Counter(to for mail in played.mails.mails for to in mail.recipients)
    assert set(mailed) == {f"{team}@olist.example" for team in teams}
    # People get the first ones of a storm as mails of their own, and the rest gathered in digests.
    taken = "deliveries where owed and state in ('delivered', 'gathered')"
    assert await played.stack.count("route", taken) == 2 * teams.total()


async def test_events_of_years_ago_ask_no_customer(played: World) -> None:
    decisions = [
        event.body
        for event in await reading.events(played.stack, topics.DECISIONS)
        if isinstance(event.body, Decision)
    ]
    assert {each.silence for each in decisions} == {"stale_event"}
    teams = load(played.stack.catalog).teams
    addresses = {each.address for team in teams for each in team.channels if each.address}
    assert {to for mail in played.mails.mails for to in mail.recipients} <= addresses


async def test_nothing_is_in_the_dead_letters(played: World) -> None:
    letters = await reading.records(played.stack, topics.DEAD_LETTERS)
    assert [letter.text_headers.get("x-error-message") for letter in letters] == []


async def test_played_again_it_changes_nothing(played: World, lines: list[str]) -> None:
    ids = {call.headers["webhook-id"] for call in played.hooks.calls}
    calls, owed = (
        len(played.hooks.calls),
        await played.stack.count("route", "deliveries where owed"),
    )
    await orderlog.play(played, lines)
    await reading.rest(played.stack, orderlog.patience())
    assert await orderlog.seen(played.stack) == orderlog.expected(lines)
    assert len(played.hooks.calls) == calls
    assert await played.stack.count("route", "deliveries where owed") == owed
    assert {call.headers["webhook-id"] for call in played.hooks.calls} == ids
    assert await reading.records(played.stack, topics.DEAD_LETTERS) == []
