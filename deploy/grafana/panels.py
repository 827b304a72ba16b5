"""The words that dashboards are written in: panels, and how a metric is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["stat", "timeseries", "table", "heatmap", "bargauge"]
CHOSEN = 'job=~"$job", instance=~"$instance"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

LINKS = {"type": "dashboards", "title": "Touchback", "tags": ["touchback"], "asDropdown": True}


def of(metric: str, *matchers: str) -> str:
    """Return a metric of the chosen services."""
    return f"{metric}{{{', '.join((CHOSEN, *matchers))}}}"


def ours(name: str, *matchers: str) -> str:
    """Return a metric of Touchback of the chosen services."""
    return of(f"touchback_{name}", *matchers)


def told(by: str, name: str, span: str = "$__rate_interval", *matchers: str) -> str:
    """Return how much a counter of the database rose: every replica shows the same one."""
    grew = f"max without (instance, pod) (increase({ours(name, *matchers)}[{span}]))"
    return f"sum by ({by}) ({grew})" if by else f"sum({grew})"


def now(by: str, name: str) -> str:
    """Return a gauge of the database."""
    once = f"max without (instance, pod) ({ours(name)})"
    return f"sum by ({by}) ({once})" if by else f"sum({once})"


def each(by: str, name: str, *matchers: str) -> str:
    """Return how fast a counter of the processes rises, over all of them."""
    return f"sum by ({by}) (rate({ours(name, *matchers)}[$__rate_interval]))"


def since(by: str, name: str, else_zero: str) -> str:
    """Return for how long something waits; 0 where nothing does."""
    return f"(time() - min by ({by}) ({ours(name)})) or max by ({by}) ({ours(else_zero)} * 0)"


def quantile(share: float, by: str, name: str) -> str:
    """Return a quantile of a histogram of the processes."""
    rated = each(f"le, {by}" if by else "le", f"{name}_bucket")
    return f"histogram_quantile({share}, {rated})"


def told_quantile(share: float, by: str, name: str) -> str:
    """Return a quantile of a histogram of the database, over the time that is shown."""
    grew = told(f"le, {by}" if by else "le", f"{name}_bucket", "$__range")
    return f"histogram_quantile({share}, {grew})"


@dataclass(frozen=True)
class Panel:
    """One panel. `queries` are (expression, legend)."""

    title: str
    says: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 7
    examples: bool = False
    bad_above: float | None = None
    link: str | None = None

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return it as Grafana reads it."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.says,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                {
                    "refId": chr(ord("A") + place),
                    "datasource": DATASOURCE,
                    "expr": expr,
                    "legendFormat": legend,
                    "exemplar": self.examples,
                    **_form(self.kind),
                }
                for place, (expr, legend) in enumerate(self.queries)
            ],
            "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": _options(self.kind),
            **_merged(self.kind),
        }

    def _field(self) -> dict[str, Any]:
        steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
        if self.bad_above is not None:
            steps.append({"color": "red", "value": self.bad_above})
        links = [{"title": "Open the console", "url": self.link}] if self.link else []
        return {
            "unit": self.unit,
            "links": links,
            "thresholds": {"mode": "absolute", "steps": steps},
        }


def _form(kind: Kind) -> dict[str, Any]:
    match kind:
        case "heatmap":
            return {"format": "heatmap"}
        case "table":
            return {"format": "table", "instant": True}
        case "stat" | "bargauge":
            return {"instant": True}
        case _:
            return {}


def _options(kind: Kind) -> dict[str, Any]:
    match kind:
        case "stat" | "bargauge":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}}
        case "timeseries":
            return {
                "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"]}
            }
        case "heatmap":
            return {"calculate": False, "yAxis": {"unit": "s"}, "exemplars": {"color": "orange"}}
        case _:
            return {}


def _merged(kind: Kind) -> dict[str, Any]:
    if kind != "table":
        return {}
    hidden = {"excludeByName": {"Time": True}}
    return {"transformations": [{"id": "merge"}, {"id": "organize", "options": hidden}]}


@dataclass(frozen=True)
class Dashboard:
    """Panels stand in the order of availability, saturation, errors, capacity, information."""

    name: str
    title: str
    says: str
    panels: tuple[Panel, ...]
    span: str = "now-24h"

    def json(self) -> dict[str, Any]:
        """Return it as Grafana reads it."""
        return {
            "uid": f"touchback-{self.name}",
            "title": f"Touchback / {self.title}",
            "description": self.says,
            "tags": ["touchback"],
            "editable": False,
            "graphTooltip": 1,
            "schemaVersion": 39,
            "version": 1,
            "refresh": "1m",
            "timezone": "browser",
            "time": {"from": self.span, "to": "now"},
            "links": [
                {
                    "type": "dashboards",
                    "title": "Touchback",
                    "tags": ["touchback"],
                    "asDropdown": True,
                }
            ],
            "templating": {"list": _variables()},
            "panels": list(self._placed()),
        }

    def _placed(self) -> list[dict[str, Any]]:
        placed, x, y, tallest = [], 0, 0, 0
        for number, panel in enumerate(self.panels, 1):
            if x + panel.width > 24:
                x, y, tallest = 0, y + tallest, 0
            placed.append(panel.json(number, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        return placed


def _variables() -> list[dict[str, Any]]:
    source = {
        "name": "datasource",
        "label": "Data Source",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
    }
    return [source, _variable("job", "Service", "touchback_build_info"),
            _variable("instance", "Replica", 'touchback_build_info{job=~"$job"}')]  # fmt: skip


def _variable(name: str, label: str, metric: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": f"label_values({metric}, {name})", "refId": "A"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }
