"""What the dashboards ask Prometheus, with Grafana's variables filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one panel."""

    dashboard: str
    panel: str
    expr: str

    def filled(self, interval: str = "1m", span: str = "1h") -> str:
        """As Grafana sends it when everything is chosen."""
        shown = {"$__rate_interval": interval, "$__range": span, "$job": ".+", "$instance": ".+"}
        text = self.expr
        for name, value in shown.items():
            text = text.replace(name, value)
        return text

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.expr}"


def boards() -> Iterator[dict[str, Any]]:
    for file in FILES:
        yield json.loads(file.read_text("utf-8"))


def queries() -> list[Query]:
    """Every query of every panel."""
    return [
        Query(board["title"], panel["title"], target["expr"])
        for board in boards()
        for panel in board["panels"]
        for target in panel["targets"]
    ]
