"""The Kustomize base is the chart, and an overlay changes what an overlay may."""

from __future__ import annotations

import filecmp
from pathlib import Path

import pytest
import yaml

from tests.deploy import tools
from tests.deploy.tools import ROOT, Object, environment, one

pytestmark = [tools.needed, pytest.mark.timeout(900)]
FOLDER = ROOT / "deploy" / "kustomize"
OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")


def built(folder: Path) -> dict[tuple[str, str], Object]:
    said = tools.run("kubectl", "kustomize", folder)
    found = yaml.load_all(said, yaml.CSafeLoader)
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_the_base_is_what_the_chart_makes_now(tmp_path: Path) -> None:
    tools.run("python", "tests/deploy/render.py", "--write", tmp_path)
    same = filecmp.cmp(tmp_path / "touchback.yaml", FOLDER / "base/touchback.yaml", shallow=False)
    assert same, "`make manifests` brings the base up to date"


def test_built_it_is_the_chart_without_the_marks_of_helm(objects: list[Object]) -> None:
    base = built(FOLDER / "base")
    wanted = {(each["kind"], each["metadata"]["name"]) for each in objects}
    assert wanted - set(base) == {("ConfigMap", "touchback-catalog")}
    assert set(base) <= wanted
    for (kind, name), each in base.items():
        chart = one(objects, kind, name)
        assert not set(OF_HELM) & set(each["metadata"]["labels"])
        assert {k: v for k, v in each.items() if k != "metadata"} == {
            k: v for k, v in chart.items() if k != "metadata"
        }


def test_the_example_overlay_admits_only_restricted_pods_of_one_image() -> None:
    found = built(FOLDER / "overlays/production")
    labels = found["Namespace", "touchback"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    for (kind, _), each in found.items():
        if kind != "Namespace":
            assert each["metadata"]["namespace"] == "touchback"
        if kind in ("Deployment", "Job"):
            (container,) = each["spec"]["template"]["spec"]["containers"]
            assert container["image"].startswith("ghcr.io/example/touchback@sha256:")
            given = environment(each["spec"]["template"]["spec"])
            assert given["TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS"].startswith("kafka-0.kafka.example")
    collect = found["Deployment", "touchback-collect"]["spec"]
    assert collect["replicas"] == 3
    settings = environment(collect["template"]["spec"])
    assert settings["TOUCHBACK_PUBLIC_URL"] == "https://feedback.example"
