"""The rules are what their table says; each fires when it should, and is explained."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.alertmanager import generate as alertmanager
from deploy.prometheus import generate
from deploy.prometheus.slos import LEAST, SLOS, WINDOWS
from tests.deploy.alert_cases import CASES, NEVER_QUIET
from tests.support.prometheus import program as tool

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
RUNBOOK = DEPLOY / "runbooks" / "alerts.md"
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_the_rules_are_what_the_table_says() -> None:
    assert RULES.read_text("utf-8") == generate.text(generate.rules()), (
        "run python -m deploy.prometheus.generate"
    )


def test_promtool_finds_nothing_wrong() -> None:
    command = [tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(RULES)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    config = str(DEPLOY / "prometheus" / "prometheus.yml")
    checked = [tool("promtool"), "check", "config", "--syntax-only", config]
    assert subprocess.run(checked, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_it_is_about_and_where_to_look(rule: dict[str, Any]) -> None:
    assert re.fullmatch("Touchback([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["audience"] in {"sre", "owners", "watchdog"}
    annotations = rule["annotations"]
    assert {"summary", "description"} <= set(annotations)
    headings = re.findall(r"^## (\w+)$", RUNBOOK.read_text("utf-8"), re.M)
    section = annotations["runbook_url"].partition("#")[2]
    assert section in {each.lower() for each in headings}
    dashboard = annotations["dashboard_url"].rpartition("/d/touchback-")[2]
    assert (DEPLOY / "grafana" / "dashboards" / f"{dashboard}.json").is_file()


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    headings = re.findall(r"^## (\w+)$", RUNBOOK.read_text("utf-8"), re.M)
    assert headings == list(dict.fromkeys(headings))
    assert set(headings) == {rule["alert"] for rule in alerts()}


def test_only_windows_that_can_fire_are_watched() -> None:
    for slo in SLOS:
        assert slo.windows
        assert all(each.factor * slo.budget < 1 for each in slo.windows)
        dead = [each for each in WINDOWS if each not in slo.windows]
        assert all(each.factor * slo.budget >= 1 for each in dead)
    contact = next(each for each in SLOS if each.name == "first-contact")
    assert [each.factor for each in contact.windows] == [6, 3, 1]
    burning = [rule for rule in alerts() if "window" in rule["labels"]]
    assert all(rule["expr"].endswith(f">= {LEAST}") for rule in burning)


def test_each_alert_is_tried_firing_and_quiet() -> None:
    """Tried it is in tests/deploy, which takes a minute."""
    names = {rule["alert"] for rule in alerts()}
    assert {each.alert for each in CASES if each.fires} == names
    assert {each.alert for each in CASES if not each.fires} == names - NEVER_QUIET


# --- who hears of it --------------------------------------------------------------------------


def test_the_routing_is_that_of_the_example_catalog() -> None:
    said = alertmanager.text(
        alertmanager.config(alertmanager.load(alertmanager.EXAMPLE)), alertmanager.HEAD
    )
    assert ALERTMANAGER.read_text("utf-8") == said, "run python -m deploy.alertmanager.generate"


def test_amtool_finds_nothing_wrong() -> None:
    command = [tool("amtool"), "check-config", str(ALERTMANAGER)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("sre-pager", "alertname=TouchbackOutboxStuck severity=critical audience=sre"),
        ("sre-tickets", "alertname=TouchbackRulesFailing severity=warning audience=sre"),
        ("team-billing-care", "severity=warning audience=owners team=billing-care"),
        ("team-support-leads", "severity=warning audience=owners team=support-leads slo=x"),
        ("team-customer-care", "severity=warning audience=owners team=gone-since"),
        ("watchdog", "alertname=TouchbackWatchdog severity=info audience=watchdog"),
    ],
)
def test_an_alert_reaches_who_can_do_something(receiver: str, labels: str) -> None:
    config = f"--config.file={ALERTMANAGER}"
    verify = f"--verify.receivers={receiver}"
    command = [tool("amtool"), "config", "routes", "test", config, verify, *labels.split()]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_has_labels_that_some_route_is_about() -> None:
    for rule in alerts():
        labels = rule["labels"]
        assert (labels["audience"] == "owners") <= (
            "by (team)" in rule["expr"] or "slo=" in rule["expr"]
        )
        assert (labels["severity"] == "info") == (labels["audience"] == "watchdog")
