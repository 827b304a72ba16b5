"""`python -m tests.bench WHAT`: measures, and prints the figures with what they were taken on."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import (
    backtest,
    collect,
    hot,
    latency,
    lateness,
    listen,
    retention,
    routing,
    sizes,
    timers,
)
from tests.support import kafka_choice, postgres
from tests.support.databases import Databases
from tests.support.kafka_broker import KafkaGround
from tests.support.kafka_choice import NoKafka
from tests.support.kafka_jars import jar_folder
from tests.support.postgres import NoPostgres
from tests.support.stack import PROJECT, Ground

CACHE = PROJECT / ".cache"
MEASURES = {
    "collect": collect.measure,
    "hot": hot.measure,
    "lateness": lateness.measure,
    "latency": latency.measure,
    "listen": listen.measure,
    "retention": retention.measure,
    "routing": routing.measure,
    "sizes": sizes.measure,
    "timers": timers.measure,
}
ALONE = {"backtest": backtest.measure}
"""Those that need neither Kafka nor PostgreSQL."""

UNUSABLE = 2


def main(words: Sequence[str]) -> int:
    """All measures, or the one that is named."""
    known = [*MEASURES, *ALONE]
    names = list(words) or known
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"tests.bench: no measure {unknown[0]!r}; there are {', '.join(known)}")
        return UNUSABLE
    try:
        for name in names:
            _measure(name)
    except (NoKafka, NoPostgres) as error:
        print(f"tests.bench: {error}", file=sys.stderr)
        return UNUSABLE
    return 0


def _measure(name: str) -> None:
    if name in ALONE:
        print(f"{name}: Python {platform.python_version()}, one of {os.cpu_count()} cores")
        ALONE[name]()
        return
    facts = kafka_choice.gather(os.environ, jar_folder(CACHE))
    insists = os.environ.get(kafka_choice.REQUIRE_APACHE, "") not in ("", "0")
    kafka = KafkaGround(facts, CACHE, require_apache=insists)
    source = kafka.sources()[0]
    server = postgres.start(postgres.gather(os.environ))
    try:
        with tempfile.TemporaryDirectory() as folder:
            ground = Ground(kafka, source, Databases(server.dsn))
            print(f"{name}: on {kafka.describe(source)}, {server.source},")
            print(f"  Python {platform.python_version()}, {os.cpu_count()} cores")
            asyncio.run(MEASURES[name](ground, Path(folder)))
    finally:
        server.discard()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
