"""Fixtures for tests that run services as processes; each folder's conftest.py takes them."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.support.databases import Databases
from tests.support.kafka_broker import KafkaBroker, KafkaGround
from tests.support.kafka_choice import KafkaSource
from tests.support.stack import Ground, Stack, World


@pytest.fixture(scope="session")
def ground(kafka_broker: KafkaBroker, kafka_ground: KafkaGround, databases: Databases) -> Ground:
    """Brokers of a test's own come from where the shared one came from."""
    if kafka_broker.source is KafkaSource.GIVEN:
        pytest.skip("a whole loop needs a Kafka of its own: names of topics and groups are fixed")
    return Ground(kafka_ground, kafka_broker.source, databases)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Puts what the services said below a failure."""
    report = yield
    if report.failed:
        for used in getattr(item, "funcargs", {}).values():
            if isinstance(used, (Stack, World)):
                stack = used.stack if isinstance(used, World) else used
                report.sections.append(("What the services said", stack.last_words()))
                break
    return report
