"""Business counters that live in the database, so that a restart loses nothing.

They are raised in the transaction that did the thing they count, and read when metrics are scraped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared import db, kernel
from shared.labels import Labels

_SEPARATOR = "\x1f"


@dataclass(slots=True)
class Tally:
    """Counts gathered during one transaction, written by one statement at its end."""

    counts: defaultdict[tuple[str, Labels], float] = field(
        default_factory=lambda: defaultdict(float)
    )

    def add(self, metric: str, *labels: str, by: float = 1) -> None:
        """Count: `labels` are the label values in the order the metric declares them."""
        self.counts[metric, labels] += by

    async def write(self, connection: db.Connection) -> None:
        """Add the counts to the stored ones; in sorted order, so that writers never deadlock."""
        if not self.counts:
            return
        rows = sorted(self.counts.items())
        await connection.execute(
            kernel.QUERIES["tallies_add"],
            [metric for (metric, _), _ in rows],
            [_SEPARATOR.join(labels) for (_, labels), _ in rows],
            [count for _, count in rows],
        )


async def read(connection: db.Connection) -> Mapping[str, Mapping[Labels, float]]:
    """Return the stored counts by metric and label values."""
    found: dict[str, dict[Labels, float]] = {}
    for row in await connection.fetch(kernel.QUERIES["tallies_read"]):
        found.setdefault(row["metric"], {})[tuple(row["labels"])] = row["value"]
    return found
