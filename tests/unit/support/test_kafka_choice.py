"""The order in which the tests look for a Kafka, and what they say when there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.kafka_broker import KafkaGround
from tests.support.kafka_choice import (
    KafkaFacts,
    KafkaSource,
    NoKafka,
    candidates,
    gather,
    java_version,
)

EVERYTHING = KafkaFacts(docker=True, java=17, jars=True, maven=True, embedded=True)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            KafkaFacts(address="kafka:9092", docker=True, java=17, jars=True, embedded=True),
            [KafkaSource.GIVEN],
            id="a given address is never passed over",
        ),
        pytest.param(
            EVERYTHING,
            [KafkaSource.DOCKER, KafkaSource.JARS, KafkaSource.EMBEDDED],
            id="containers before jars before the embedded broker",
        ),
        pytest.param(
            KafkaFacts(java=17, jars=True), [KafkaSource.JARS], id="fetched jars need no Maven"
        ),
        pytest.param(
            KafkaFacts(java=21, maven=True), [KafkaSource.JARS], id="Maven can fetch the jars"
        ),
        pytest.param(
            KafkaFacts(java=16, jars=True, maven=True, embedded=True),
            [KafkaSource.EMBEDDED],
            id="one Java too old for the jars",
        ),
        pytest.param(
            KafkaFacts(java=17, embedded=True),
            [KafkaSource.EMBEDDED],
            id="Java alone has no jars to run",
        ),
    ],
)
def test_the_best_source_comes_first(facts: KafkaFacts, expected: list[KafkaSource]) -> None:
    assert list(candidates(facts, require_apache=False)) == expected


def test_the_embedded_broker_is_no_candidate_where_apache_kafka_is_required() -> None:
    found = candidates(EVERYTHING, require_apache=True)

    assert found == (KafkaSource.DOCKER, KafkaSource.JARS)


def test_an_address_that_somebody_gave_satisfies_the_demand_for_apache_kafka() -> None:
    assert candidates(KafkaFacts(address="kafka:9092"), require_apache=True) == (KafkaSource.GIVEN,)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        pytest.param(KafkaFacts(embedded=True), "no Java", id="no Java at all"),
        pytest.param(
            KafkaFacts(java=11, maven=True, embedded=True),
            "Java 11 is older than 17",
            id="an old Java",
        ),
        pytest.param(
            KafkaFacts(java=17, embedded=True),
            "no Maven to fetch the jars with",
            id="Java without Maven",
        ),
    ],
)
def test_an_unmet_demand_for_apache_kafka_says_in_one_line_what_is_missing(
    facts: KafkaFacts, reason: str
) -> None:
    with pytest.raises(NoKafka) as refusal:
        candidates(facts, require_apache=True)

    said = str(refusal.value)
    assert "TOUCHBACK_TEST_REQUIRE_APACHE_KAFKA insists on Apache Kafka" in said
    assert reason in said
    assert "\n" not in said


def test_a_machine_with_nothing_is_told_so() -> None:
    with pytest.raises(NoKafka, match="no embedded broker"):
        candidates(KafkaFacts(), require_apache=False)


@pytest.mark.parametrize(
    ("banner", "major"),
    [
        pytest.param('openjdk version "17.0.15" 2025-04-15', 17, id="since Java 9"),
        pytest.param('java version "1.8.0_401"', 8, id="up to Java 8"),
        pytest.param('openjdk version "25" 2025-09-16', 25, id="a first release"),
        pytest.param("The operation couldn't be completed", 0, id="a stub that is no Java"),
    ],
)
def test_the_major_version_is_read_from_javas_banner(banner: str, major: int) -> None:
    assert java_version(banner) == major


def test_facts_come_from_the_environment_and_the_jar_folder(tmp_path: Path) -> None:
    given = {"TOUCHBACK_TEST_KAFKA": "kafka:9092", "DOCKER_HOST": "tcp://engine:2375"}

    facts = gather(given, tmp_path)

    assert (facts.address, facts.docker, facts.jars) == ("kafka:9092", True, True)
    assert not gather({}, tmp_path / "absent").jars


def test_the_description_tells_whether_the_jars_must_be_fetched_first(tmp_path: Path) -> None:
    kept = KafkaGround(EVERYTHING, tmp_path).describe(KafkaSource.JARS)
    missing = KafkaGround(KafkaFacts(java=17, maven=True), tmp_path).describe(KafkaSource.JARS)

    assert "on Java 17" in kept
    assert "fetched" not in kept
    assert "fetched with Maven at first use" in missing
