"""How soon owners hear of low scores while one receiver hangs and another one answers 500."""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from services.route.decide import assign
from shared import topics
from shared.catalog import Routing
from shared.clock import SystemClock
from shared.contracts.envelope import Event, encode
from tests.support import outside
from tests.support.sinks import Answer, WebhookSink
from tests.support.stack import Ground, World, world
from tests.support.wait import eventually
from tests.unit.route.catalogs import response

RATE = 20
SECONDS = 30
FULL = 300
AIM = 1.0
WARM_UP = 40
RULES = 500
TEAMS = ("well", "fine", "hangs", "fails")
SHAPES = {
    "told by one look": 'response.region == "{}" && response.score <= 3',
    "either of two": '"{0}" in response.keywords || response.region == "{0}"',
    "asking first": 'has(response.attributes.region) && response.attributes.region in ["{}", "x"]',
}


async def measure(ground: Ground, folder: Path) -> None:
    """Prints p50 and p99 of the healthy receivers; BENCH_FULL=1 takes five minutes of it."""
    seconds = FULL if os.environ.get("BENCH_FULL") else SECONDS
    async with WebhookSink() as hangs, WebhookSink() as fails:
        hangs.answer_always(Answer(delay=3600))
        fails.answer_always(500)
        catalog = _catalog(folder / "given", hangs, fails)
        async with world(ground, folder, catalog) as made:
            made.stack.start("route")
            await made.stack.ready("route")
            await _play(made, WARM_UP, "warm")
            await eventually(lambda: len(made.hooks.calls) >= WARM_UP // 2, within=60)
            before = len(made.hooks.calls)
            sent = await _play(made, seconds * RATE, "r")
            healthy = {name: at for name, (team, at) in sent.items() if team in ("well", "fine")}
            await eventually(lambda: len(made.hooks.calls) - before >= len(healthy), within=60)
            await asyncio.sleep(2)  # for what would be one too many
            _say(made.hooks.calls[before:], healthy, seconds)
            print(
                f"  hanging receiver: {len(hangs.calls)} calls, failing: {len(fails.calls)} calls"
            )
    _say_rules()


def _catalog(folder: Path, hangs: WebhookSink, fails: WebhookSink) -> Path:
    """A catalog in which the touchpoint names the team."""
    folder.mkdir(parents=True)
    # The copy of the catalog has the sink's address in place of this one.
    urls = {"hangs": hangs.url("/hangs"), "fails": fails.url("/fails")}
    teams = [
        f"- team: {team}\n  name: {team.capitalize()}\n  channels:\n    - {{channel: {team}-hook,"
        f" kind: webhook, url: '{urls.get(team, f'http://127.0.0.1:8090/{team}')}',"
        f" secret: owners}}\n"
        for team in TEAMS
    ]
    routes = [f"  - {{when: 'response.touchpoint == \"{t}\"', team: {t}}}\n" for t in TEAMS]
    (folder / "teams.yaml").write_text("".join(teams))
    (folder / "routing.yaml").write_text("team: well\nroutes:\n" + "".join(routes))
    (folder / "sources.yaml").write_text("[]\n")
    (folder / "touchpoints.yaml").write_text("[]\n")
    return folder


async def _play(made: World, count: int, prefix: str) -> dict[str, tuple[str, float]]:
    """Responses at the rate, as `collect` publishes them; when each was handed to Kafka."""
    sent: dict[str, tuple[str, float]] = {}
    started = time.monotonic()
    async with outside.producing(made.stack) as producer:
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))
            now, name, team = SystemClock().now(), f"{prefix}{number}", TEAMS[number % len(TEAMS)]
            said = response(name, customer_id=name, touchpoint=team, comment=name,
                            received_at=now, at=now)  # fmt: skip
            event = Event(name, "touchback/collect", "touchback.response.completed.v1", name,
                          now, said)  # fmt: skip
            headers, value = encode(event)
            await producer.send_and_wait(
                topics.RESPONSES, value=value, key=name.encode(), headers=headers
            )
            sent[name] = (team, time.monotonic())
    return sent


def _say(calls: Sequence[object], healthy: dict[str, float], seconds: int) -> None:
    arrived = [(json.loads(call.body)["comment"], call.arrived_at) for call in calls]  # type: ignore[attr-defined]
    told = Counter(name for name, _ in arrived if name in healthy)
    taken = sorted(at - healthy[name] for name, at in arrived if name in healthy)
    lost, twice = len(healthy.keys() - told.keys()), sum(n > 1 for n in told.values())
    p99 = taken[int(len(taken) * 0.99) - 1]
    print(f"  input: {RATE} low scores/s for {seconds} s, a quarter each to two healthy receivers,")
    print("  one that hangs and one that answers 500; route alone, signed webhooks")
    print("  response on Kafka (acks=all) -> signed webhook at a healthy team:")
    print(
        f"  n {len(taken)}, p50 {1000 * statistics.median(taken):.0f} ms, p99 {1000 * p99:.0f} ms,"
        f" max {1000 * taken[-1]:.0f} ms (aim: p99 under {1000 * AIM:.0f} ms)"
    )
    print(f"  lost {lost}, told twice {twice}")


def _say_rules() -> None:
    """500 rules per event, of which the last one matches, one after the other."""
    for name, rule in SHAPES.items():
        routes = [{"when": rule.format(f"r{n}"), "team": "a"} for n in range(RULES - 1)]
        routes.append({"when": rule.format("north"), "team": "b"})
        root = Routing.model_validate({"team": "care", "routes": routes})
        taken = sorted(_timed(root) for _ in range(300))
        middle = 1000 * statistics.median(taken)
        print(
            f"  {RULES} routing rules per event, {name}, CPU time: p50 {middle:.2f} ms,"
            f" p99 {1000 * taken[296]:.2f} ms (aim: under 5 ms)"
        )


def _timed(root: Routing) -> float:
    region = {"region": "north"}
    said = response(score=random.randint(0, 3), attributes=region, comment="I will cancel")
    started = time.process_time()
    assert assign(said, root).team == "b"
    return time.process_time() - started
