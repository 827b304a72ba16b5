"""Debian's Prometheus and Alertmanager for tests: on free ports, in folders of their own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.support.processes import LOOPBACK, Child, free_port, replies


def program(name: str) -> str:
    """Where it is, or a skip that says how to get it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: apt-get install prometheus prometheus-alertmanager")
    return found


def _ready(port: int) -> bool:
    request = b"GET /-/ready HTTP/1.0\r\nHost: x\r\n\r\n"
    return replies(port, request, b"HTTP/1.0 200")


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs; what it was asked comes back as Prometheus gives it."""

    port: int

    def url(self, path: str) -> str:
        return f"http://{LOOPBACK}:{self.port}{path}"

    async def ask(self, path: str, **asked: str) -> Any:
        """The data of an answer; an error of Prometheus is one of the test."""
        async with (
            aiohttp.ClientSession() as client,
            client.post(self.url(f"/api/v1/{path}"), data=asked) as response,
        ):
            answer = await response.json()
        assert answer["status"] == "success", f"{asked}: {answer}"
        return answer["data"]

    async def now(self, query: str) -> dict[frozenset[tuple[str, str]], float]:
        """What a query gives now, by labels."""
        found = (await self.ask("query", query=query))["result"]
        return {frozenset(each["metric"].items()): float(each["value"][1]) for each in found}

    async def value(self, query: str) -> float:
        """The only value that a query gives now."""
        found = list((await self.now(query)).values())
        assert len(found) == 1, f"{query}: {found}"
        return found[0]

    async def between(self, query: str, start: float, end: float, step: float) -> list[list[float]]:
        """What a query gives over time, series by series."""
        asked = {"start": str(start), "end": str(end), "step": str(step)}
        found = (await self.ask("query_range", query=query, **asked))["result"]
        return [[float(value) for _, value in each["values"]] for each in found]

    async def series(self) -> list[Mapping[str, str]]:
        """Everything that it knows of."""
        found: list[Mapping[str, str]] = await self.ask("series", **{"match[]": '{__name__!=""}'})
        return found


@contextmanager
def prometheus(folder: Path, config: Mapping[str, Any]) -> Iterator[Server]:
    """One with this configuration; data that stand in the folder's `data` are its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(config)), "utf-8")
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=90d",
        "--enable-feature=exemplar-storage",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    with _running(command, folder, port):
        yield Server(port)


@contextmanager
def alertmanager(folder: Path, config: Mapping[str, Any]) -> Iterator[Server]:
    """One with this configuration, that knows no other."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(dict(config)), "utf-8")
    port = free_port()
    command = [
        program("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        "--cluster.listen-address=",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    with _running(command, folder, port):
        yield Server(port)


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    child = Child(command, lambda: _ready(port), folder / "log")
    child.start()
    try:
        yield
    finally:
        child.stop()


def backfill(folder: Path, samples: str) -> None:
    """Make blocks of past samples, written as OpenMetrics has them."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "past.txt"
    file.write_text(samples + "# EOF\n", "utf-8")
    # Few long blocks: it reads the whole file once for each.
    import_ = ("tsdb", "create-blocks-from", "--max-block-duration=500h", "openmetrics", str(file))
    command = [program("promtool"), *import_]
    run = subprocess.run(
        [*command, str(folder / "data")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
