"""Which Kafka the tests run on: facts about the machine in, an order of preference out."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from tests.support.containers import docker_is_here

ADDRESS = "TOUCHBACK_TEST_KAFKA"
REQUIRE_APACHE = "TOUCHBACK_TEST_REQUIRE_APACHE_KAFKA"
OLDEST_JAVA = 17
EMBEDDED_MODULE = "services.local.broker"


class NoKafka(Exception):
    """There is no Kafka that the tests may run on."""


class KafkaSource(StrEnum):
    """Where a broker comes from."""

    GIVEN = "given address"
    DOCKER = "Apache Kafka in a container"
    JARS = "Apache Kafka from its jars"
    EMBEDDED = "embedded broker (not Apache Kafka)"


@dataclass(frozen=True, slots=True)
class KafkaFacts:
    """What the machine and the environment offer."""

    address: str = ""
    docker: bool = False
    java: int = 0
    """Major version, 0 where there is none."""
    jars: bool = False
    """The jars were fetched before, so no network is needed."""
    maven: bool = False
    embedded: bool = False


def candidates(facts: KafkaFacts, *, require_apache: bool) -> tuple[KafkaSource, ...]:
    """Best first, never empty. An address that somebody gave is the only candidate: he meant it."""
    if facts.address:
        return (KafkaSource.GIVEN,)
    offers = {
        KafkaSource.DOCKER: facts.docker,
        KafkaSource.JARS: facts.java >= OLDEST_JAVA and (facts.jars or facts.maven),
        KafkaSource.EMBEDDED: facts.embedded and not require_apache,
    }
    found = tuple(source for source, offered in offers.items() if offered)
    if not found:
        raise NoKafka(_why_none(facts, require_apache))
    return found


def _why_none(facts: KafkaFacts, require_apache: bool) -> str:
    java = f"Java {facts.java} is older than {OLDEST_JAVA}" if facts.java else "no Java"
    jars = "no Maven to fetch the jars with" if facts.java >= OLDEST_JAVA else java
    reasons = [f"{ADDRESS} is not set", "no Docker socket", jars]
    if not require_apache:
        return f"No Kafka for the tests: {', '.join([*reasons, 'no embedded broker'])}"
    return f"{REQUIRE_APACHE} insists on Apache Kafka, but {', '.join(reasons)}"


def gather(environment: Mapping[str, str], jars: Path) -> KafkaFacts:
    """Looks at the machine; starts nothing."""
    return KafkaFacts(
        address=environment.get(ADDRESS, ""),
        docker=docker_is_here(environment),
        java=_installed_java(),
        jars=jars.is_dir(),
        maven=shutil.which("mvn") is not None,
        embedded=_embedded_is_here(),
    )


def java_version(banner: str) -> int:
    """The major version out of `java -version`, 0 where it says none; `1.8.0` is Java 8."""
    found = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(found.group(1)) if found else 0


def _installed_java() -> int:
    java = shutil.which("java")
    if java is None:
        return 0
    run = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    return java_version(run.stderr)


def _embedded_is_here() -> bool:
    try:
        return find_spec(EMBEDDED_MODULE) is not None
    except ModuleNotFoundError:
        return False
