"""The chart rendered once with each of its CI values."""

from __future__ import annotations

import pytest

from tests.deploy import tools
from tests.deploy.tools import Object


@pytest.fixture(scope="session")
def chart() -> Object:
    """`objects` and `lint`, each by the name of the values file."""
    return tools.render(tools.values_of_ci())


@pytest.fixture(scope="session")
def objects(chart: Object) -> list[Object]:
    """The chart as it comes."""
    found: list[Object] = chart["objects"]["default"]
    return found
