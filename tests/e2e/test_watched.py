"""A running stack under Debian's Prometheus and Alertmanager: what it is shown to do is true.

It takes about two minutes, most of them waiting for a promise to be broken, so it runs where CI or
WATCHED=1 is set.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from deploy.alertmanager import generate as routing
from deploy.prometheus.generate import HERE as RULES
from shared.clock import SystemClock
from tests.support import dashboards, outside, week
from tests.support.prometheus import Server, alertmanager, backfill, program, prometheus
from tests.support.stack import PROJECT, SERVICES, TOKEN, Ground, Stack, World, world
from tests.support.wait import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]
ASKED = os.environ.get("WATCHED", os.environ.get("CI", "")).lower() not in ("", "0", "false")
UNHAPPY, ANSWERED = 10, 7
TARGETS = re.compile(r"(high|normal): \{acknowledge: \w+, contact: \w+, resolve: \w+\}")
IN_TIME = 45.0
"""Seconds within which customers are to be contacted here."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A stack, and those who watch it."""

    world: World
    prometheus: Server

    @property
    def stack(self) -> Stack:
        return self.world.stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(
    ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Watched]:
    """Ten customers give a low score; seven of them are contacted at once, three never."""
    if not ASKED:
        pytest.skip("it takes two minutes: set WATCHED=1")
    program("prometheus")
    folder = tmp_path_factory.mktemp("watched")
    async with world(ground, folder, PROJECT / "deploy" / "catalog") as made:
        in_little_time(made.stack.catalog / "teams.yaml")
        made.stack.start()
        await made.stack.ready()
        with ExitStack() as running:
            manager = running.enter_context(
                alertmanager(folder / "alertmanager", to_webhooks(made))
            )
            server = running.enter_context(
                prometheus(folder / "prometheus", config(folder, made.stack, manager))
            )
            await eventually(lambda: all_scraped(server), within=60)
            await live_through(made)
            yield Watched(made, server)


def in_little_time(file: Path) -> None:
    """IN_TIME to contact a customer: nobody waits a day for a test."""
    quick = rf"\1: {{acknowledge: {IN_TIME:.0f}s, contact: {IN_TIME:.0f}s, resolve: 1h}}"
    text, times = TARGETS.subn(quick, file.read_text("utf-8"))
    assert times >= 8
    file.write_text(text, "utf-8")


def to_webhooks(made: World) -> dict[str, Any]:
    """The routing that we ship, without its patience, and with webhooks for mailboxes."""
    shipped = routing.config(routing.load(made.stack.catalog))
    hooks = [
        {
            "name": each["name"],
            "webhook_configs": [{"url": made.hooks.url(f"/alertmanager/{each['name']}")}],
        }
        for each in shipped["receivers"]
    ]
    for route in (shipped["route"], *shipped["route"]["routes"]):
        route["group_wait"] = "0s"
    return {
        "route": shipped["route"],
        "inhibit_rules": shipped["inhibit_rules"],
        "receivers": hooks,
    }


def config(folder: Path, stack: Stack, manager: Server) -> dict[str, Any]:
    """What we ship, with this stack's ports, looking every second."""
    rules = yaml.safe_load((RULES / "rules.yml").read_text("utf-8"))
    for group in rules["groups"]:
        group["interval"] = "2s"
        for rule in group["rules"]:
            if rule.get("alert") == "TouchbackCasesOverdue":
                rule["for"] = "0s"
    file = folder / "rules.yml"
    file.write_text(yaml.safe_dump(rules), "utf-8")
    shipped = yaml.safe_load((RULES / "prometheus.yml").read_text("utf-8"))
    for job in shipped["scrape_configs"]:
        service = job["job_name"].removeprefix("touchback-")
        job["static_configs"] = [{"targets": [f"127.0.0.1:{stack.ports[service]}"]}]
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "2s"}
    shipped["rule_files"] = [str(file)]
    (managers,) = shipped["alerting"]["alertmanagers"]
    managers["static_configs"] = [{"targets": [f"127.0.0.1:{manager.port}"]}]
    return dict(shipped)


async def all_scraped(server: Server) -> bool:
    return await server.value('count(up{job=~"touchback-.+"} == 1)') == len(SERVICES)


async def live_through(made: World) -> None:
    """Customers answer; their team contacts most of them, and leaves the rest alone."""
    stack, now = made.stack, SystemClock().now()
    asks = [
        outside.invitation(stack, n, touchpoint="first-bill", survey="bill-effort", now=now)
        for n in range(UNHAPPY)
    ]
    await outside.invite(stack, asks)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client:

        async def invited() -> bool:
            return await stack.count("collect", "invitations") == UNHAPPY

        await eventually(invited, within=30)
        for each in asks:
            await outside.answer(client, each.survey_url, 5)
        cases = await eventually(lambda: cases_of(client, stack), within=40)
        for case in cases[:ANSWERED]:
            await contact(client, stack, case)


async def cases_of(client: aiohttp.ClientSession, stack: Stack) -> Sequence[Mapping[str, Any]]:
    async with client.get(stack.url("close", "/v1/cases")) as response:
        found = [each["case"] for each in (await response.json())["cases"]]
    return found if len(found) == UNHAPPY else []


async def contact(client: aiohttp.ClientSession, stack: Stack, case: Mapping[str, Any]) -> None:
    steps = {"acknowledge": {}, "contacted": {"how": "phone", "outcome": "We talked about it."}}
    for version, (step, more) in enumerate(steps.items(), case["version"]):
        async with client.post(
            stack.url("close", f"/v1/cases/{case['case_id']}/{step}"),
            json={"actor": "lena", "version": version, **more},
            headers={"Idempotency-Key": f"{step}-{case['case_id']}"},
        ) as response:
            assert response.status == 200, await response.text()


DECIDED = "sum(max without (instance) (touchback_case_contact_deadlines_total))"
BREACHED = "sum(max without (instance) (touchback_case_contact_deadlines_breached_total))"
BUCKET = (
    f'sum(max without (instance) (touchback_case_time_to_contact_seconds_bucket{{le="{IN_TIME}"}}))'
)
COUNT = "sum(max without (instance) (touchback_case_time_to_contact_seconds_count))"


async def test_who_is_never_answered_shows_where_the_closed_ones_alone_would_shine(
    watched: Watched,
) -> None:
    server = watched.prometheus

    async def decided() -> bool:
        return await server.value(DECIDED) == UNHAPPY

    await eventually(decided, within=IN_TIME + 60)
    promise = await server.value(f"1 - {BREACHED} / {DECIDED}")
    closed_only = await server.value(f"{BUCKET} / {COUNT}")
    print(f"\ncontacted in time: {promise:.0%}; the histogram alone says {closed_only:.0%}")
    assert promise == pytest.approx(ANSWERED / UNHAPPY)
    assert closed_only == 1.0


async def test_an_overdue_case_reaches_the_team_that_owns_it(watched: Watched) -> None:
    def told() -> list[str]:
        calls = watched.world.hooks.calls
        found = [call for call in calls if b"TouchbackCasesOverdue" in call.body]
        return [call.path for call in found]

    paths = await eventually(told, within=IN_TIME + 60)
    assert set(paths) == {"/alertmanager/team-billing-care"}


async def test_every_panel_shows_something_of_the_running_stack(watched: Watched) -> None:
    empty, unknown = [], []
    for query in dashboards.queries():
        found = await watched.prometheus.now(query.filled("30s", "5m"))
        if not found:
            empty.append(str(query))
        elif all(math.isnan(value) for value in found.values()):
            unknown.append(query.panel)
    print(f"\n{len(dashboards.queries())} queries; without a figure as nothing happened: {unknown}")
    assert empty == []


async def test_measurements_lead_to_their_traces(watched: Watched) -> None:
    asked = {"start": str(SystemClock().now().timestamp() - 600), "end": str(2**32)}
    for metric in (
        "http_request_duration_seconds",
        "alert_attempt_seconds",
        "case_time_to_route_seconds",
    ):
        found = await watched.prometheus.ask(
            "query_exemplars", query=f"touchback_{metric}_bucket", **asked
        )
        examples = [each for series in found for each in series["exemplars"]]
        assert examples, metric
        assert all(re.fullmatch("[0-9a-f]{32}", each["labels"]["trace_id"]) for each in examples)


async def test_a_week_of_history_renders_on_every_panel(watched: Watched, tmp_path: Path) -> None:
    series = await watched.prometheus.series()
    end = int(SystemClock().now().timestamp()) // week.HOUR * week.HOUR
    backfill(tmp_path, week.past(series, end))
    start = end - week.HOURS * week.HOUR
    with prometheus(tmp_path, {}) as server:
        blank = []
        for query in dashboards.queries():
            filled = query.filled("4h", "1d")
            lines = await server.between(filled, start + 86400, end, week.HOUR)
            if not any(not math.isnan(value) for line in lines for value in line):
                blank.append(str(query))
    assert blank == []
