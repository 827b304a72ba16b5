"""The dashboards are what their table says, and keep the rules that dashboard-linter has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from deploy.grafana import generate
from tests.support.dashboards import FILES, Query, boards, queries

ROOT = Path(__file__).parents[2]
PROVISIONING = Path(generate.__file__).parent / "provisioning"
UNITS = {"short", "s", "percentunit", "cps", "reqps", "bytes"}
RISING = ("_total", "_bucket", "_count", "_sum")
NOT_RISING = "touchback_cases_open_age_seconds_bucket"
"""How old open cases are now: a histogram of gauges."""

RATES = {"rate", "increase", "changes"}
BOARDS = [pytest.param(board, id=board["uid"]) for board in boards()]
PANELS = [
    pytest.param(panel, id=f"{board['uid']}: {panel['title']}")
    for board in boards()
    for panel in board["panels"]
]


def test_there_are_six_and_they_are_what_the_table_says() -> None:
    assert {file.name for file in FILES} == {f"{board.name}.json" for board in generate.ALL}
    assert len(FILES) == 6
    for board in generate.ALL:
        file = generate.FOLDER / f"{board.name}.json"
        assert file.read_text("utf-8") == generate.text(board), (
            "run python -m deploy.grafana.generate"
        )


@pytest.mark.parametrize("board", BOARDS)
def test_a_dashboard_can_be_pointed_elsewhere_and_not_be_edited(board: dict[str, Any]) -> None:
    assert board["editable"] is False
    assert board["description"]
    source, *chosen = board["templating"]["list"]
    assert (source["name"], source["label"]) == ("datasource", "Data Source")
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert [each["name"] for each in chosen] == ["job", "instance"]
    for each in chosen:
        assert (each["multi"], each["includeAll"], each["allValue"]) == (True, True, ".+")
        assert each["refresh"] == 2, "when the time that is shown changes"
        assert each["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("board", BOARDS)
def test_panels_do_not_lie_over_each_other(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"])
                 for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith((".", ":"))
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"]["uid"] == "${datasource}"
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        if panel["type"] in ("timeseries", "heatmap"):
            assert target["legendFormat"]
            assert "[5m]" not in target["expr"]


class Selectors:
    """Gathers what an expression selects, and under which functions."""

    def __init__(self, expr: str) -> None:
        self.found: list[tuple[promql.VectorSelector, frozenset[str]]] = []
        self._inside: list[str] = []
        self._skip: set[int] = set()
        promql.walk(promql.parse(expr), self._enter, self._leave)

    def _enter(self, node: object) -> None:
        if isinstance(node, promql.Call):
            self._inside.append(node.func.name)
        elif isinstance(node, promql.MatrixSelector):
            self._add(node.vector_selector)
        elif isinstance(node, promql.VectorSelector):
            self._add(node)

    def _leave(self, node: object) -> None:
        if isinstance(node, promql.Call):
            self._inside.pop()

    def _add(self, selector: promql.VectorSelector) -> None:
        self.found.append((selector, frozenset(self._inside)))


@pytest.mark.parametrize("query", queries(), ids=str)
def test_a_query_asks_for_what_was_chosen_and_rates_what_only_rises(query: Query) -> None:
    for selector, functions in Selectors(query.filled()).found:
        name = selector.name or ""
        if name.startswith("touchback:") or name == "ALERTS":
            continue
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert {"job", "instance"} <= labels, name
        if name.endswith(RISING) and name != NOT_RISING:
            assert functions & RATES, f"{name} is not rated"
    if "rate(" in query.expr:
        assert "$__rate_interval" in query.expr


def test_completed_only_is_said_where_those_who_wait_are_left_out() -> None:
    for board in boards():
        for panel in board["panels"]:
            if "case_time_to_c" in json.dumps(panel["targets"]):
                assert "(completed only)" in panel["title"]


def test_compose_mounts_what_the_configurations_name() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "touchback.yml").read_text())[
        "providers"
    ]
    mounted = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounted
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    scraped = {
        job["job_name"].removeprefix("touchback-"): job["static_configs"][0]["targets"]
        for job in config["scrape_configs"]
    }
    ports = {name: [f"{name}:{services[name]['ports'][0].rpartition(':')[2]}"] for name in scraped}
    assert scraped == ports
    assert len(scraped) == 6


def test_grafana_finds_the_dashboards_and_lets_nobody_edit_them() -> None:
    dashboards = yaml.safe_load((PROVISIONING / "dashboards" / "touchback.yml").read_text())
    (provider,) = dashboards["providers"]
    assert provider["allowUiUpdates"] is False
    sources = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())
    assert [each["type"] for each in sources["datasources"]] == ["prometheus"]
