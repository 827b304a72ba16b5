"""Label values stay few: so many of each as they are, and `other` for the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

PREFIX = "touchback_"
Labels = tuple[str, ...]
OTHER = "other"

MOST: Mapping[str, int] = {
    "team": 30,
    "priority": 4,
    "touchpoint": 50,
    "survey": 50,
    "source": 13,  # ten of the catalog, and three services that say things to each other
    "channel": 8,
    "reason": 25,
    "topic": 30,
}
"""What a catalog may name at most before metrics gather the rest; others are closed lists."""


class Few:
    """Lets the first values of a label through as they are, and calls all further ones `other`."""

    def __init__(self, label: str, first: Iterable[str] = ()) -> None:
        self._most = MOST[label]
        self._known: set[str] = set(list(dict.fromkeys(first))[: self._most])

    def __call__(self, value: str) -> str:
        if value not in self._known and len(self._known) < self._most:
            self._known.add(value)
        return value if value in self._known else OTHER


def bounded(
    names: Sequence[str], configured: Iterable[Labels], counts: Mapping[Labels, float]
) -> dict[Labels, float]:
    """Return the counts with a zero for each configured label set; what is too much is one sum.

    Configured values come first, in their order: what is read twice falls alike twice.
    """
    zeros = list(configured)
    ordered = [*zeros, *sorted(counts)]
    few = [Few(name, (each[place] for each in ordered)) if name in MOST else None
           for place, name in enumerate(names)]  # fmt: skip
    found: dict[Labels, float] = {}
    for labels, value in [*((each, 0.0) for each in zeros), *sorted(counts.items())]:
        key = tuple(
            limit(value) if limit else value for limit, value in zip(few, labels, strict=True)
        )
        found[key] = found.get(key, 0.0) + value
    return found
