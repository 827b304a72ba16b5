"""Starting the best source that works, when the better ones do not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support import kafka_broker
from tests.support.kafka_broker import KafkaBroker, KafkaGround
from tests.support.kafka_choice import KafkaFacts, KafkaSource, NoKafka
from tests.support.processes import ChildFailed, NotOurs, Server


class Works:
    """Starts at once."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...


class Breaks(Works):
    """Never starts."""

    def start(self) -> None:
        raise ChildFailed("no image")


def ground_of(monkeypatch: pytest.MonkeyPatch, **by_source: Works) -> KafkaGround:
    def make(_self: KafkaGround, source: KafkaSource, _folder: Path) -> KafkaBroker:
        return KafkaBroker("127.0.0.1:1", by_source[source.name], source=source)

    monkeypatch.setattr(kafka_broker.KafkaGround, "make", make)
    facts = KafkaFacts(docker="DOCKER" in by_source, java=17, jars="JARS" in by_source)
    return KafkaGround(facts, Path())


def test_a_source_that_does_not_start_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ground = ground_of(monkeypatch, DOCKER=Breaks(), JARS=Works())

    assert ground.start(Path()).source is KafkaSource.JARS


def test_when_no_source_starts_the_error_names_every_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ground = ground_of(monkeypatch, DOCKER=Breaks(), JARS=Breaks())

    with pytest.raises(NoKafka, match="container: no image; Apache Kafka from its jars: no image"):
        ground.start(Path())


def test_a_given_broker_is_used_but_never_stopped(tmp_path: Path) -> None:
    broker = KafkaGround(KafkaFacts(address="kafka:9092"), tmp_path).start(tmp_path)

    assert broker.bootstrap == "kafka:9092"
    with pytest.raises(NotOurs, match="kafka:9092"):
        broker.stop()
    broker.discard()


def test_discarding_a_server_stops_it_before_its_data_goes() -> None:
    order: list[str] = []

    class Recorded(Works):
        def stop(self) -> None:
            order.append("stopped")

    Server("127.0.0.1:1", Recorded(), lambda: order.append("data gone")).discard()

    assert order == ["stopped", "data gone"]


def test_the_embedded_broker_runs_as_a_process_that_can_be_killed(tmp_path: Path) -> None:
    broker = KafkaGround(KafkaFacts(embedded=True), tmp_path).make(KafkaSource.EMBEDDED, tmp_path)

    assert broker.process is not None
    assert getattr(broker.process, "command")[0] == sys.executable  # noqa: B009 - a Child
