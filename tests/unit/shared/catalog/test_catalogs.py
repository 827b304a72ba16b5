"""The catalogs that ship are valid, and the order log maps to the known counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.catalog import (
    RESPONSE_RULES,
    SOURCE_RULES,
    Catalog,
    ResponseMapping,
    Route,
    SignalMapping,
    band,
    check,
    load,
)
from shared.rules import Inputs
from tests.support.orderlog import whole

PROJECT = Path(__file__).parents[4]
SHIPPED = PROJECT / "deploy" / "catalog"
OLIST = PROJECT / "tests" / "catalogs" / "olist"
DATA = PROJECT.parent / "shared" / "data"
LOW_BY_TEAM = {
    "sellers-sp": 1734,
    "marketplace-care": 619,
    "sellers-pr": 188,
    "sellers-mg": 181,
    "sellers-rj": 124,
}


@pytest.mark.parametrize("folder", [SHIPPED, OLIST], ids=["deploy", "olist"])
def test_a_catalog_that_ships_is_clean(folder: Path) -> None:
    assert [str(finding) for finding in check(folder)] == []


def inputs_of(record: dict[str, Any]) -> Inputs:
    return SOURCE_RULES.bind({"headers": {}, "body": record, "key": ""})


def matching(
    catalog: Catalog, topic: str, record: dict[str, Any]
) -> list[SignalMapping | ResponseMapping]:
    inputs = inputs_of(record)
    mappings: list[SignalMapping | ResponseMapping] = []
    for source in catalog.sources_by_topic[topic]:
        mappings += [*source.signals, *source.responses]
    return [mapping for mapping in mappings if mapping.when is None or mapping.when.holds(inputs)]


def owner(route: Route, inputs: Inputs, inherited: str = "") -> str:
    team = route.team or inherited
    for child in route.routes:
        if child.when is not None and child.when.holds(inputs):
            return owner(child, inputs, team)
    return team


def answered(**fields: Any) -> Inputs:
    always = {"score": 1, "value": 0.0, "low_scores": 1, "keywords": [], "attributes": {}}
    return RESPONSE_RULES.bind({"response": {**always, **fields}})


@pytest.mark.parametrize(
    ("fields", "team"),
    [
        pytest.param({"touchpoint": "first-bill"}, "billing-care", id="by touchpoint"),
        pytest.param({"attribution": {"team": "support-leads"}}, "support-leads", id="by team"),
        pytest.param(
            {"touchpoint": "delivered", "attributes": {"region": "south"}},
            "delivery-ops",
            id="by region",
        ),
        pytest.param(
            {"touchpoint": "delivered", "attributes": {"region": "islands"}},
            "customer-care",
            id="a region nobody owns",
        ),
        pytest.param({"touchpoint": "delivered"}, "customer-care", id="no region at all"),
    ],
)
def test_the_example_routes_to_the_owning_team(fields: dict[str, Any], team: str) -> None:
    assert owner(load(SHIPPED).routing, answered(**fields)) == team


def documented() -> Iterator[tuple[str, dict[str, Any]]]:
    """The example records in the comments of sources.yaml, with the topic they stand above."""
    lines: list[str] = []
    for line in (SHIPPED / "sources.yaml").read_text().splitlines():
        if line.startswith("#"):
            lines.append(line.removeprefix("#").strip())
        elif line.strip().startswith("topic:"):
            text = " ".join(lines)
            yield line.split()[-1], json.loads(text[text.index("{") : text.rindex("}") + 1])
            lines = []


@pytest.mark.parametrize(("topic", "record"), list(documented()), ids=lambda value: str(value)[:20])
def test_a_documented_record_fills_every_field_of_its_mapping(
    topic: str, record: dict[str, Any]
) -> None:
    catalog, inputs = load(SHIPPED), inputs_of(record)
    mappings = matching(catalog, topic, record)
    profiles = [m for source in catalog.sources_by_topic[topic] for m in source.profiles]
    assert len(mappings) + len(profiles) == 1
    for mapping in (*mappings, *profiles):
        for name in type(mapping).model_fields:
            rule = getattr(mapping, name)
            if name != "when" and hasattr(rule, "value"):
                rule.value(inputs)
        for rule in getattr(mapping, "attributes", {}).values():
            assert rule.value(inputs) is not None


@pytest.mark.skipif(not DATA.is_dir(), reason="the order log is not on this machine")
@pytest.mark.skipif(not whole(), reason="half a minute: in CI, or with WHOLE_ORDER_LOG=1")
@pytest.mark.timeout(600)
def test_the_order_log_maps_whole_and_routes_by_owner() -> None:
    catalog = load(OLIST)
    command = [
        sys.executable,
        str(DATA / "tools" / "olist_stream.py"),
        str(DATA / "logs" / "olist"),
    ]
    stream = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    signals, answers, low = Counter[str](), set[str](), Counter[str]()
    for line in stream.splitlines():
        record = json.loads(line)
        inputs = inputs_of(record)
        for mapping in matching(catalog, "olist.events", record):
            values = {name: rule.value(inputs) for name, rule in mapping.attributes.items()}
            assert mapping.customer.value(inputs)
            if isinstance(mapping, SignalMapping):
                assert mapping.occurred_at.value(inputs).tzinfo is not None
                signals[mapping.signal] += 1
                continue
            answers.add(mapping.id.value(inputs))
            name, score = mapping.touchpoint.value(inputs), mapping.score.value(inputs)
            if band(catalog.survey_of(name).metric, score) == "low":
                low[owner(catalog.routing, answered(score=score, attributes=values))] += 1
    assert signals["ordering.order.delivered"] == 5170
    assert signals.total() == 47477 - 2 * 8225
    assert len(answers) == 8225
    assert low.total() == 3020
    assert {team: low[team] for team in LOW_BY_TEAM} == LOW_BY_TEAM
