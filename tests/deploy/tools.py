"""The programs of `make tools`, and the chart as they render it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CHART = ROOT / "deploy" / "helm" / "touchback"
BIN = ROOT / ".cache" / "tools" / "bin"
Object = dict[str, Any]

needed = pytest.mark.skipif(
    not (BIN.parent / ".installed").exists(), reason="`make tools` brings the programs for this"
)


def run(program: str, *arguments: str | Path, given: str | None = None) -> str:
    """What a program said; the test fails when it was not content."""
    done = subprocess.run(
        [BIN / program, *map(str, arguments)],
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, f"{program}: {done.stdout[-6000:]}{done.stderr[-6000:]}"
    return done.stdout


def values_of_ci() -> dict[str, Object]:
    """The values files that the chart is tried with, by name."""
    files = sorted((CHART / "ci").glob("*-values.yaml"))
    return {
        file.name.removesuffix("-values.yaml"): yaml.safe_load(file.read_text()) for file in files
    }


def render(values: Mapping[str, Object]) -> Object:
    """Objects and findings, each by the name of its values."""
    answer = run("python", "tests/deploy/render.py", given=json.dumps(values))
    found: Object = json.loads(answer)
    return found


def manifest(objects: list[Object]) -> str:
    """As one file; JSON is YAML, and quick."""
    return "".join(f"---\n{json.dumps(each)}\n" for each in objects)


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object of this kind and name."""
    found = [e for e in objects if e["kind"] == kind and e["metadata"]["name"] == name]
    assert len(found) == 1, f"{kind} {name}: {[e['metadata']['name'] for e in objects]}"
    return found[0]


def pods(objects: list[Object]) -> dict[str, Object]:
    """Every pod's specification, by the name of what makes it."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in ("Deployment", "Job")
    }


def environment(pod: Object, secrets: Path | None = None) -> dict[str, str]:
    """The settings of a pod's container, whose secrets stand in that folder."""
    given = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    folder = f"{secrets or '/run/secrets'}/"
    return {name: value.replace("/run/secrets/", folder) for name, value in given.items()}
