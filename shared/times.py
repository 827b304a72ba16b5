"""Histograms of times that are kept in the database: a restart loses none of what they hold."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.samples import Exemplar

from shared.labels import PREFIX, Labels
from shared.tallies import Tally

INFINITE = "+Inf"
Example = tuple[Labels, str]
"""A bucket of one label set, for which an exemplar may be remembered."""

Counts = Mapping[str, Mapping[Labels, float]]


@dataclass(frozen=True, slots=True)
class Times:
    """One histogram. `name` is the tally's; the metric is touchback_<name>_seconds."""

    name: str
    help: str
    labels: tuple[str, ...]

    def count(
        self, tally: Tally, labels: Labels, seconds: float, boundaries: Sequence[int]
    ) -> None:
        """Put a time into its bucket."""
        tally.add(self.name, *labels, bucket(seconds, boundaries))
        tally.add(f"{self.name}_sum", *labels, by=max(0.0, seconds))

    def family(
        self,
        counts: Counts,
        zeros: Iterable[Labels],
        boundaries: Sequence[int],
        examples: Mapping[Example, Exemplar] | None = None,
    ) -> HistogramMetricFamily:
        """Return what was counted, with an empty histogram for each of `zeros`."""
        family = HistogramMetricFamily(
            f"{PREFIX}{self.name}_seconds", self.help, labels=self.labels
        )
        found, sums = counts.get(self.name, {}), counts.get(f"{self.name}_sum", {})
        # Boundaries of earlier targets stay: their counts would be lost to the buckets above.
        stored = {int(labels[-1]) for labels in found if labels[-1] != INFINITE}
        edges = [str(edge) for edge in sorted(stored.union(boundaries))] + [INFINITE]
        for labels in sorted({*zeros, *(each[:-1] for each in found)}):
            family.add_metric(
                labels,
                _cumulative(found, labels, edges, examples or {}),
                sums.get(labels, 0.0),
            )
        return family


def bucket(seconds: float, boundaries: Sequence[int]) -> str:
    """Return the upper edge of the bucket that a time falls into."""
    place = bisect_left(boundaries, seconds)
    return str(boundaries[place]) if place < len(boundaries) else INFINITE


def _cumulative(
    found: Mapping[Labels, float],
    labels: Labels,
    edges: Sequence[str],
    examples: Mapping[Example, Exemplar],
) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    total = 0.0
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    for edge in edges:
        total += found.get((*labels, edge), 0.0)
        shown, example = (
            edge if edge == INFINITE else str(float(edge)),
            examples.get((labels, edge)),
        )
        buckets.append((shown, total, example) if example else (shown, total))
    return buckets
