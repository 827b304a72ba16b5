"""What an operator may tune about asking, taken from the catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.catalog.catalog import Catalog
from shared.catalog.touchpoints import EventTrigger, Touchpoint
from shared.contracts.base import Stage
from shared.rules import Condition

SENDS = ("email",)
"""The channels this release can send over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One touchpoint that asks about a single event. Caps are the least time between two asks."""

    touchpoint: str
    survey: str
    stage: Stage | None
    owner: str | None
    when: Condition | None
    delay: timedelta
    useful_for: timedelta
    answer_within: timedelta
    channels: tuple[str, ...]
    sample: float
    salt: str
    floor: timedelta
    person: timedelta


@dataclass(frozen=True, slots=True)
class Book:
    """All plans of one version of the catalog."""

    version: str
    plans: Mapping[str, Plan]
    on_signal: Mapping[str, tuple[Plan, ...]]


def book(catalog: Catalog) -> Book:
    """Take from the catalog what concerns asking about single events."""
    plans = {each.touchpoint: _plan(each, catalog) for each in catalog.touchpoints if _asks(each)}
    on_signal: dict[str, list[Plan]] = defaultdict(list)
    for touchpoint in catalog.touchpoints:
        if touchpoint.touchpoint in plans and isinstance(touchpoint.on, EventTrigger):
            on_signal[touchpoint.on.signal].append(plans[touchpoint.touchpoint])
    return Book(catalog.version, plans, {name: tuple(each) for name, each in on_signal.items()})


def not_decided(catalog: Catalog) -> list[tuple[str, str]]:
    """Return the touchpoints that this release leaves alone, and what each would need."""
    return [
        (each.touchpoint, f"act: {each.act}" if each.act != "ask" else type(each.on).__name__)
        for each in catalog.touchpoints
        if not _asks(each)
    ]


def _asks(touchpoint: Touchpoint) -> bool:
    return touchpoint.act == "ask" and isinstance(touchpoint.on, EventTrigger)


def _plan(touchpoint: Touchpoint, catalog: Catalog) -> Plan:
    return Plan(
        touchpoint=touchpoint.touchpoint,
        survey=touchpoint.survey or "",
        stage=touchpoint.stage,
        owner=touchpoint.owner,
        when=touchpoint.on.when if isinstance(touchpoint.on, EventTrigger) else None,
        delay=touchpoint.delay,
        useful_for=touchpoint.useful_for,
        answer_within=touchpoint.answer_within,
        channels=touchpoint.channels,
        sample=touchpoint.sample,
        salt=catalog.policy.salt,
        floor=catalog.policy.caps.floor,
        person=catalog.policy.caps.person,
    )
