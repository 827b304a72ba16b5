"""Since when a topic waits to be read: the time of its oldest record that was not taken yet."""

from __future__ import annotations

from dataclasses import dataclass, field

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(slots=True)
class Backlog:
    """What is known of each partition, in seconds since 1970.

    Nobody can see a record before it is fetched. It is younger than the last one taken, and than
    the last moment at which nothing waited: the later of the two is the answer.
    """

    taken: dict[Place, float] = field(default_factory=dict)
    empty: dict[Place, float] = field(default_factory=dict)
    waiting: dict[Place, int] = field(default_factory=dict)

    def took(self, place: Place, timestamp: float) -> None:
        """Take note of a record that is committed now."""
        self.taken[place] = max(timestamp, self.taken.get(place, 0.0))

    def look(self, waiting: dict[Place, int], now: float) -> None:
        """Take note of how many records wait in each partition that is ours."""
        self.waiting = waiting
        for place, behind in waiting.items():
            if not behind or (place not in self.taken and place not in self.empty):
                self.empty[place] = now

    def messages(self) -> dict[str, int]:
        """Return how many records wait, by topic."""
        found: dict[str, int] = {}
        for (topic, _), behind in self.waiting.items():
            found[topic] = found.get(topic, 0) + behind
        return found

    def oldest(self) -> dict[str, float]:
        """Return since when records wait, by topic; only of topics where some do."""
        found: dict[str, float] = {}
        for place, behind in self.waiting.items():
            if behind:
                since = max(self.taken.get(place, 0.0), self.empty.get(place, 0.0))
                found[place[0]] = min(since, found.get(place[0], since))
        return found
