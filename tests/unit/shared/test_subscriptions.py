"""What is subscribed to: names, or one pattern for all."""

from __future__ import annotations

import re

import pytest

from shared.subscriptions import wanted


def test_names_are_subscribed_to_as_they_are() -> None:
    assert wanted(["a.b", "c"]) == (["a.b", "c"], None)


@pytest.mark.parametrize(
    ("topic", "read"),
    [
        ("shop.eu", True),
        ("shop.de12", True),
        ("billing.events", True),
        ("shop.eu.retry", False),
        ("my.shop.eu", False),
        ("billingXevents", False),
        ("touchback.signals", False),
        ("__consumer_offsets", False),
    ],
)
def test_a_pattern_reads_what_fits_it_whole_and_never_our_own(topic: str, read: bool) -> None:
    _, pattern = wanted([r"^shop\.([a-z]{2}\d*)", "^touchback.*|^__.*", "billing.events"])
    assert pattern is not None
    single = pattern.replace("{{", "{").replace("}}", "}")
    assert bool(re.match(single, topic)) is read
