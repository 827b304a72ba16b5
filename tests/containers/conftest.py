"""The stack in containers, built and brought up once, where it is asked for: `make containers`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.containers import engine, standins
from tests.containers.engine import Composed, Engine
from tests.support.processes import free_ports

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PORTS = {
    "listen": 8081,
    "ask": 8082,
    "collect": 8083,
    "route": 8084,
    "close": 8085,
    "console": 8080,
}
WATCHERS = {"prometheus": 9090, "alertmanager": 9093}
READY_SECONDS = 600


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They take minutes: a run that does not name them leaves them out."""
    named = (config.invocation_params.dir / arg.split("::")[0] for arg in config.args)
    if not any(path.resolve().is_relative_to(HERE) for path in named):
        ours = [item for item in items if item.path.is_relative_to(HERE)]
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)


@dataclass(frozen=True, slots=True)
class Stack:
    """The compose project while it runs, and what it took to get there."""

    engine: Engine
    compose: Composed
    ports: dict[str, int]
    image: str
    build_seconds: float
    ready_seconds: float


def say(text: str) -> None:
    """Print a figure."""
    print(f"containers: {text}", flush=True)


@pytest.fixture(scope="session")
def machine() -> Iterator[Engine]:
    """podman with the stand-ins in its store, serving its API."""
    why = engine.missing() or standins.missing()
    if why:
        pytest.skip(why)
    cache = PROJECT / ".cache"
    folder = Path(tempfile.mkdtemp(prefix="touchback-containers-"))
    made = Engine(cache / "containers", folder)
    try:
        started = time.monotonic()
        standins.make_all(made, PROJECT, cache)
        say(f"base images stand in after {time.monotonic() - started:.0f} s")
        with made.serving():
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def checkout(machine: Engine) -> Path:
    """The files as they are committed or about to be, as a newcomer's clone has them."""
    there = machine.folder / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (PROJECT / name).exists():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, there / name, follow_symlinks=False)
    machine.run(["make", "secrets"], cwd=there)
    return there


@pytest.fixture(scope="session")
def image(machine: Engine, checkout: Path) -> tuple[str, float]:
    """The unmodified Dockerfile, built; its name and the seconds it took."""
    name = yaml.safe_load((checkout / "docker-compose.yml").read_text())["services"]["listen"][
        "image"
    ]
    started = time.monotonic()
    machine.podman(
        *("build", "--pull=never", "--network=host", "--format", "docker"),
        *standins.trust(machine.folder),
        *("--file", checkout / "deploy/Dockerfile", "--tag", f"localhost/{name}", checkout),
    )
    return name, time.monotonic() - started


def _elsewhere(checkout: Path) -> dict[str, int]:
    """Give every service a free port on loopback: somebody may run the usual ones."""
    usual = PORTS | WATCHERS
    ports = dict(zip(usual, free_ports(len(usual)), strict=True))
    # No registry of packages has a Grafana that could stand in for its image.
    lines = ["services:", "  grafana:", "    profiles: !override [nowhere]"]
    for name, port in ports.items():
        lines += [f"  {name}:", f'    ports: !override ["127.0.0.1:{port}:{usual[name]}"]']
    (checkout / "ports.yml").write_text("\n".join(lines) + "\n")
    return ports


@pytest.fixture(scope="session")
def stack(machine: Engine, checkout: Path, image: tuple[str, float]) -> Iterator[Stack]:
    """Everything with the demo and what watches it, up; gone at the end, with what it kept."""
    ports = _elsewhere(checkout)
    profiles = {"COMPOSE_PROFILES": "demo,observability"}
    compose = Composed(machine, checkout, ("docker-compose.yml", "ports.yml"), profiles)
    started = time.monotonic()
    try:
        compose("up", "--detach", "--wait", "--wait-timeout", str(READY_SECONDS))
        ready = time.monotonic() - started
        yield Stack(machine, compose, ports, image[0], image[1], ready)
    except engine.Failed as failure:
        logs = compose("logs", "--tail", "20")
        pytest.fail(f"{failure}\n{logs}", pytrace=False)
    finally:
        if os.environ.get("TOUCHBACK_TEST_KEEP_CONTAINERS") is None:
            compose("down", "--volumes", "--timeout", "20")
