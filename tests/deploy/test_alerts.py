"""Each alert fires when it should and only then, as promtool has it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.alert_cases import CASES, Case
from tests.support.prometheus import program

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yml"


def expectation(case: Case) -> dict[str, Any]:
    chosen = ", ".join(
        part for part in (f'alertname="{case.alert}"', 'alertstate="firing"', case.select) if part
    )
    samples = [{"labels": "{}", "value": 1}] if case.fires else []
    return {"expr": f"count(ALERTS{{{chosen}}}) > 0", "eval_time": case.at, "exp_samples": samples}


SLOW = {"TouchbackAccountedBurn": "30m", "TouchbackFirstContactBurn": "10m"}
"""How often rules are evaluated where hours or days pass; else each minute."""


def part(alert: str, file: Path) -> Path:
    """The rules that this alert stands on, alone: the others take minutes for 80 hours."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    chosen = [rule for group in groups for rule in group["rules"] if rule.get("alert") == alert]
    asked = " ".join(rule["expr"] for rule in chosen)
    for group in groups:
        group.pop("interval", None)
        group["rules"] = [
            rule
            for rule in group["rules"]
            if rule in chosen or f'"{rule["labels"].get("slo")}"' in asked and "record" in rule
        ]
    file.write_text(yaml.safe_dump({"groups": groups}), "utf-8")
    return file


def trial(alert: str, folder: Path) -> Path:
    """The cases of one alert, as promtool reads them."""
    tests = [
        {
            "name": f"{case.alert}: {case.says}",
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in case.series],
            "promql_expr_test": [expectation(case)],
        }
        for case in CASES
        if case.alert == alert
    ]
    rules = part(alert, folder / f"{alert}.rules.yml")
    content = {
        "rule_files": [str(rules)],
        "evaluation_interval": SLOW.get(alert, "1m"),
        # Else a group may be evaluated before the one that it reads, and finds nothing that is new.
        "group_eval_order": [each["name"] for each in yaml.safe_load(rules.read_text())["groups"]],
        "tests": tests,
    }
    file = folder / f"{alert}.cases.yml"
    file.write_text(yaml.safe_dump(content), "utf-8")
    return file


@pytest.mark.timeout(600)
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    files = [str(trial(each, tmp_path)) for each in sorted({case.alert for case in CASES})]
    command = [program("promtool"), "test", "rules", *files]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
