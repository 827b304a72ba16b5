"""The order in which the tests look for a PostgreSQL."""

from __future__ import annotations

import pytest

from tests.support.postgres import NoPostgres, PostgresFacts, PostgresSource, candidates, gather


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            PostgresFacts("postgresql://db/x", docker=True, wheel=True),
            [PostgresSource.GIVEN],
            id="a given address is never passed over",
        ),
        pytest.param(
            PostgresFacts(docker=True, wheel=True),
            [PostgresSource.DOCKER, PostgresSource.WHEEL],
            id="a container before the wheel",
        ),
        pytest.param(PostgresFacts(wheel=True), [PostgresSource.WHEEL], id="the wheel alone"),
    ],
)
def test_the_best_source_comes_first(facts: PostgresFacts, expected: list[PostgresSource]) -> None:
    assert list(candidates(facts)) == expected


def test_a_machine_with_nothing_is_told_what_would_help() -> None:
    with pytest.raises(NoPostgres, match="TOUCHBACK_TEST_POSTGRES is not set"):
        candidates(PostgresFacts())


def test_facts_come_from_the_environment() -> None:
    facts = gather({"TOUCHBACK_TEST_POSTGRES": "postgresql://db/x", "DOCKER_HOST": "tcp://e:1"})

    assert (facts.address, facts.docker) == ("postgresql://db/x", True)
