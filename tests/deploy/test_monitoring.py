"""The chart's rules, dashboards and scrapes are those of deploy/prometheus and deploy/grafana."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.deploy import tools
from tests.deploy.test_chart import SERVICES
from tests.deploy.tools import ROOT, Object, one

pytestmark = [tools.needed, pytest.mark.timeout(900)]


@pytest.fixture
def watched(chart: Object) -> list[Object]:
    """The chart with everything that watches it."""
    found: list[Object] = chart["objects"]["monitoring"]
    return found


def test_rules_are_those_of_the_compose_file(watched: list[Object]) -> None:
    theirs = yaml.load((ROOT / "deploy/prometheus/rules.yml").read_text(), yaml.CSafeLoader)
    made = one(watched, "PrometheusRule", "touchback-touchback")
    assert made["spec"] == theirs
    assert made["metadata"]["labels"]["release"] == "prometheus"


def test_every_dashboard_is_a_config_map_that_grafana_finds(watched: list[Object]) -> None:
    files = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
    assert files
    for file in files:
        made = one(watched, "ConfigMap", f"touchback-dashboard-{file.stem}")
        assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(made["data"][file.name]) == json.loads(file.read_text())


def test_pods_are_scraped_under_the_jobs_that_rules_name(watched: list[Object]) -> None:
    scrapes = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    jobs = {each["job_name"] for each in scrapes["scrape_configs"]}
    assert {f"touchback-{name}" for name in SERVICES} <= jobs
    (endpoint,) = one(watched, "PodMonitor", "touchback")["spec"]["podMetricsEndpoints"]
    (rule,) = endpoint["relabelings"]
    assert (rule["targetLabel"], rule["replacement"]) == ("job", "touchback-$1")


def test_without_the_switch_there_is_none_of_it(objects: list[Object]) -> None:
    kinds = {each["kind"] for each in objects}
    assert not kinds & {"PodMonitor", "PrometheusRule"}
    assert not [e for e in objects if "dashboard" in e["metadata"]["name"]]
