"""Objects of KEDA and the Prometheus operator against their models, by the Python of `make tools`.

Where the models pass over a field they do not know, a cluster would drop it: both are refused here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as prometheus
from pydantic import BaseModel, ValidationError

MODELS: dict[str, type[BaseModel]] = {
    "ScaledObject": keda.ScaledObject,
    "TriggerAuthentication": keda.TriggerAuthentication,
    "PodMonitor": prometheus.PodMonitor,
    "PrometheusRule": prometheus.PrometheusRule,
}


def lost(given: Any, taken: Any, path: str = "") -> Iterator[str]:
    """Yield the fields that stand in one and not in the other."""
    if isinstance(given, dict) and isinstance(taken, dict):
        for name, value in given.items():
            if name not in taken:
                yield f"{path}.{name}"
            else:
                yield from lost(value, taken[name], f"{path}.{name}")
    elif isinstance(given, list) and isinstance(taken, list):
        for index, (one, other) in enumerate(zip(given, taken, strict=True)):
            yield from lost(one, other, f"{path}[{index}]")


def findings(given: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an object."""
    try:
        model = MODELS[given["kind"]].model_validate(given)
    except ValidationError as error:
        yield str(error)
        return
    taken = model.model_dump(by_alias=True, mode="json", exclude_none=True)
    yield from lost(given, taken, given["kind"])


if __name__ == "__main__":
    found = [line for each in json.load(sys.stdin) for line in findings(each)]
    sys.exit("\n".join(found) or None)
