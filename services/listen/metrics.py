"""What `listen` counts; all of it in the database, in the transaction that did it."""

from __future__ import annotations

from collections.abc import Iterable

from shared.metrics import TallyMetric


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
    ]
