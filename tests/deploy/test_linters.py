"""Dockerfile, compose file, YAML and manifests, as the linters of each see them: clean."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.deploy import tools
from tests.deploy.tools import HERE, ROOT, Object

pytestmark = [tools.needed, pytest.mark.timeout(900)]
COMPOSE = "docker-compose.yml"


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    tools.run("hadolint", "--failure-threshold", "style", "deploy/Dockerfile")


def test_the_compose_file_fits_the_compose_specification() -> None:
    tools.run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_compose_lint_finds_nothing_that_is_not_explained() -> None:
    config = HERE / "compose-lint.yml"
    tools.run(
        "compose-lint", "check", "--fail-on", "low", "--strict-config", "--config", config, COMPOSE
    )


def test_every_yaml_file_is_tidy() -> None:
    listed = ["git", "ls-files", "-co", "--exclude-standard", "*.yaml", "*.yml"]
    said = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    # Templates are not YAML, and what is made by a program is nobody's to tidy.
    skipped = ("/templates/", "deploy/kustomize/base/touchback.yaml")
    files = [name for name in said.splitlines() if not any(each in name for each in skipped)]
    assert len(files) > 20
    tools.run("yamllint", "--strict", "-c", HERE / "yamllint.yml", *files)


def test_trivy_finds_nothing_in_image_and_manifests(chart: Object, tmp_path: Path) -> None:
    for name, objects in chart["objects"].items():
        (tmp_path / f"{name}.yaml").write_text(tools.manifest(objects))
    (tmp_path / "Dockerfile").write_text((ROOT / "deploy/Dockerfile").read_text())
    said = tools.run(
        *("trivy", "config", "--skip-check-update", "--skip-version-check", "--quiet"),
        *("--ignorefile", HERE / "trivyignore.yaml", "--format", "json"),
        tmp_path,
    )
    results = json.loads(said)["Results"]
    assert {"Dockerfile", "default.yaml"} <= {each["Target"] for each in results}
    found = [
        f"{each['Target']}: {wrong['ID']} {wrong['Message']}"
        for each in results
        for wrong in each.get("Misconfigurations", [])
    ]
    assert found == []
