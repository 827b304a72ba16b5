"""The chart rendered, by the Python of `make tools`: as JSON objects, or as the Kustomize base."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import helm_python as helm
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "touchback"
NAME = "touchback"
# Without Helm the catalog is a ConfigMap of one's own: Kustomize would need a copy of it.
SURVEYS = sorted(file.name for file in (ROOT / "deploy" / "catalog" / "surveys").iterdir())
BASE = {"catalog": {"existingConfigMap": f"{NAME}-catalog", "surveys": SURVEYS}}
OF_HELM = ("helm.sh/chart", "app.kubernetes.io/managed-by")


def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object, as `helm template touchback -n touchback` gives it."""
    files = helm.Chart.load(str(CHART)).render(values, name=NAME, namespace=NAME)
    texts = (text for path, text in sorted(files.items()) if not path.endswith("NOTES.txt"))
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def without_helm(found: dict[str, Any]) -> dict[str, Any]:
    """The same for those who have no Helm: their own tools say who manages it, and where."""
    found["metadata"].pop("namespace")
    for label in OF_HELM:
        found["metadata"]["labels"].pop(label, None)
    return found


def write(folder: Path) -> None:
    """Write the base."""
    folder.mkdir(parents=True, exist_ok=True)
    objects = [without_helm(each) for each in rendered(BASE)]
    texts = [yaml.safe_dump(each, sort_keys=False, width=10_000) for each in objects]
    head = "# Made by `make manifests` from deploy/helm: change it there.\n---\n"
    (folder / "touchback.yaml").write_text(head + "---\n".join(texts))


def attempt(values: dict[str, Any]) -> list[dict[str, Any]] | str:
    """Every object, or why there are none."""
    try:
        return rendered(values)
    except helm.HelmError as error:
        return str(error)


def main() -> None:
    """Print what each of the values on standard input makes (name -> values), or write the base."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", type=Path)
    wanted = parser.parse_args()
    if wanted.write:
        write(wanted.write)
        return
    given = json.load(sys.stdin)
    found = {name: attempt(values) for name, values in given.items()}
    lint = {name: helm.lint(str(CHART), values, strict=True) for name, values in given.items()}
    json.dump({"objects": found, "lint": lint}, sys.stdout)


if __name__ == "__main__":
    main()
