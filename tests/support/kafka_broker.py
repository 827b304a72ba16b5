"""The broker of the tests: taken from the best source there is, stopped and started at will."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.containers import Container, container_host
from tests.support.kafka_choice import KafkaFacts, KafkaSource, NoKafka, candidates
from tests.support.kafka_jars import (
    KafkaHome,
    fetch_jars,
    jar_folder,
    kafka_serves,
    kafka_version,
)
from tests.support.processes import LOOPBACK, Child, ChildFailed, Server, free_port

PROJECT = Path(__file__).parents[2]
CONTAINER_PORT = 9092
CONTAINER_SETTINGS = """\
KAFKA_NODE_ID=1
KAFKA_PROCESS_ROLES=broker,controller
KAFKA_CONTROLLER_QUORUM_VOTERS=1@localhost:9093
KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER
KAFKA_LISTENERS=PLAINTEXT://:9092,CONTROLLER://:9093
KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://{host}:{port}
KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
KAFKA_AUTO_CREATE_TOPICS_ENABLE=false
KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS=0
KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1
KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR=1
KAFKA_TRANSACTION_STATE_LOG_MIN_ISR=1
KAFKA_BROKER_SESSION_TIMEOUT_MS=3000
KAFKA_BROKER_HEARTBEAT_INTERVAL_MS=500
"""


@dataclass(slots=True, kw_only=True)
class KafkaBroker(Server):
    """One broker, single node."""

    source: KafkaSource

    @property
    def bootstrap(self) -> str:
        """Its address, for clients."""
        return self.address

    @property
    def idempotence(self) -> bool:
        """Whether producers may ask for `enable_idempotence`; the embedded broker has none."""
        return self.source is not KafkaSource.EMBEDDED


@dataclass(frozen=True, slots=True)
class KafkaGround:
    """Makes brokers: knows the machine, the demands of the run, and where jars are kept."""

    facts: KafkaFacts
    cache: Path
    require_apache: bool = False

    def sources(self) -> tuple[KafkaSource, ...]:
        """Best first; raises NoKafka when nothing will do."""
        return candidates(self.facts, require_apache=self.require_apache)

    def describe(self, source: KafkaSource) -> str:
        """For people: which broker that is."""
        match source:
            case KafkaSource.GIVEN:
                return f"{source} {self.facts.address}"
            case KafkaSource.DOCKER:
                return f"{source} ({image()})"
            case KafkaSource.JARS:
                kept = "" if self.facts.jars else ", fetched with Maven at first use"
                return f"{source} ({kafka_version()} on Java {self.facts.java}{kept})"
            case KafkaSource.EMBEDDED:
                return str(source)

    def start(self, folder: Path) -> KafkaBroker:
        """A running broker from the first source that works; the error names every attempt."""
        failures = []
        for source in self.sources():
            try:
                broker = self.make(source, folder)
                if source is not KafkaSource.GIVEN:
                    broker.start()
            except ChildFailed as error:
                failures.append(f"{source}: {error}")
            else:
                return broker
        raise NoKafka("No Kafka for the tests could be started: " + "; ".join(failures))

    def make(self, source: KafkaSource, folder: Path) -> KafkaBroker:
        """A broker that does not run yet, with a port of its own."""
        port = free_port()
        match source:
            case KafkaSource.GIVEN:
                return KafkaBroker(self.facts.address, None, source=source)
            case KafkaSource.DOCKER:
                return _in_container(port)
            case KafkaSource.JARS:
                jars = jar_folder(self.cache)
                fetch_jars(jars)
                process: Child = KafkaHome(jars, folder, port).child()
            case KafkaSource.EMBEDDED:
                process = _embedded(folder, port)
        return KafkaBroker(f"{LOOPBACK}:{port}", process, source=source)


def image() -> str:
    """The same release in a container as from the jars."""
    return f"apache/kafka:{kafka_version()}"


def _in_container(port: int) -> KafkaBroker:
    host = container_host()
    lines = CONTAINER_SETTINGS.format(host=host, port=port).splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    container = Container(image(), CONTAINER_PORT, port, settings, lambda: kafka_serves(port, host))
    return KafkaBroker(f"{host}:{port}", container, container.remove, source=KafkaSource.DOCKER)


def _embedded(folder: Path, port: int) -> Child:
    command = [
        sys.executable,
        "-m",
        "tests.support.kafka_embedded",
        str(folder / "data"),
        str(port),
    ]
    return Child(command, lambda: kafka_serves(port), folder / "kafka.log", cwd=PROJECT)
