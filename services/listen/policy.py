"""What the catalog says to `listen`: who publishes where, and which signals anyone waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shared.catalog.catalog import Catalog
from shared.catalog.sources import Source
from shared.catalog.touchpoints import AbsenceTrigger, CountTrigger, EventTrigger, Touchpoint
from shared.contracts.signals import DELIVERY_REPORTS


@dataclass(frozen=True)
class Dialects:
    """The sources by their topic, or pattern of topics, and the signals that are used.

    Reports of a provider are used without a touchpoint: they are about asks of any.
    """

    by_topic: Mapping[str, tuple[Source, ...]]
    used: frozenset[str]

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic to read that is known by name, in a stable order."""
        return tuple(sorted(name for name in self.by_topic if not name.startswith("^")))

    @cached_property
    def patterns(self) -> tuple[str, ...]:
        """What the names of other topics to read look like, in a stable order."""
        return tuple(sorted(name for name in self.by_topic if name.startswith("^")))

    def on(self, topic: str) -> tuple[Source, ...]:
        """Return the sources that publish on a topic."""
        if not self.patterns:
            return self.by_topic.get(topic, ())
        every = (each for group in self.by_topic.values() for each in group)
        return tuple(each for each in every if each.publishes_on(topic))

    @property
    def sources(self) -> tuple[str, ...]:
        """The name of every source, in a stable order."""
        return tuple(sorted(each.source for group in self.by_topic.values() for each in group))

    @property
    def webhooks(self) -> dict[str, Source]:
        """The sources that post their events, by name."""
        every = (each for group in self.by_topic.values() for each in group)
        return {each.source: each for each in every if each.webhook is not None}


def dialects(catalog: Catalog) -> Dialects:
    """Take from the catalog what concerns this service."""
    awaited = frozenset(name for each in catalog.touchpoints for name in _awaited(each))
    return Dialects(catalog.sources_by_topic, awaited | DELIVERY_REPORTS)


def _awaited(touchpoint: Touchpoint) -> tuple[str, ...]:
    """Name every signal that may move this touchpoint."""
    match touchpoint.on:
        case EventTrigger(signal=signal):
            return (signal, *touchpoint.cancel_on)
        case CountTrigger(count=signal):
            return (signal, *touchpoint.cancel_on)
        case AbsenceTrigger(absence=absence, after=after):
            return (after, *absence, *touchpoint.cancel_on)
        case _:
            return touchpoint.cancel_on
