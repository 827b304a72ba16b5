"""What `listen` counts; all of it in the database, in the transaction that did it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter

from services.listen.model import Reception
from shared.metrics import PREFIX, TallyMetric


def webhooks(registry: CollectorRegistry, sources: Iterable[str]) -> Counter:
    """Return the counter of posted events.

    It lives in memory: whoever guesses at signatures must not be able to write to the database.
    """
    counter = Counter(
        PREFIX + "webhooks",
        "Requests at /in/{source}, by what became of them.",
        ("source", "outcome"),
        registry=registry,
    )
    for source in sources:
        for outcome in get_args(Reception):
            counter.labels(source, outcome)
    return counter


def counters(sources: Iterable[str]) -> list[TallyMetric]:
    """Return the counters, at 0 for every configured source."""
    zeros = tuple((source,) for source in sources)
    return [
        TallyMetric("signals", "Signals that source events became.", ("source",), zeros),
        TallyMetric("answers", "Answers taken from other survey tools.", ("source",), zeros),
        TallyMetric("profiles", "Contact card updates.", ("source",), zeros),
        TallyMetric(
            "events_skipped",
            "Records that no mapping of the catalog is about; under the first source of a topic.",
            ("source",),
            zeros,
        ),
        TallyMetric(
            "signals_unused",
            "Signals that no touchpoint of the catalog waits for; they go nowhere.",
            ("source",),
            zeros,
        ),
        TallyMetric(
            "dead_letters_replayed",
            "Dead letters sent to their topic once more, whichever service refused them.",
            ("topic",),
        ),
    ]
