"""What the tests wait for before they call a stack at rest is what the services read."""

from __future__ import annotations

import re

import pytest

from shared import topics
from tests.support.reading import READ
from tests.support.stack import PROJECT


@pytest.mark.parametrize("service", READ)
def test_every_topic_that_a_service_reads_is_waited_for(service: str) -> None:
    app = (PROJECT / "services" / service / "app.py").read_text()
    named = {getattr(topics, name) for name in re.findall(r"topics\.([A-Z_]+)\b", app)}
    assert named == READ[service]
