"""The figures of a backtest as one page: charts are drawn in it, and nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

WIDTH, HEIGHT = 640, 160
OUTCOMES = (("ask", "asks"), ("case", "cases"), ("notify", "notices"), ("silent", "silent"))

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar, from `x` on; `what` is the name of its colour."""

    what: str
    label: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Column:
    """A bar that stands; `y` is its upper end."""

    label: str
    count: int
    x: float
    y: float
    width: float
    height: float


def render(found: Mapping[str, Any]) -> str:
    """Return the page."""
    runs = [("This catalog", found["new"])]
    if found["old"]:
        runs.append(("The old one", found["old"]))
    return _pages.get_template("report.html").render(
        found=found,
        runs=runs,
        outcomes=OUTCOMES,
        width=WIDTH,
        height=HEIGHT,
        bars={title: list(_bars(run)) for title, run in runs},
        weeks={title: _columns(run["weeks"], runs) for title, run in runs},
    )


def _bars(run: Mapping[str, Any]) -> Iterator[tuple[str, list[Part]]]:
    """Yield a bar for each touchpoint; all of them share one scale."""
    touchpoints = run["touchpoints"]
    most = max((sum(each[key] for key, _ in OUTCOMES) for each in touchpoints.values()), default=0)
    for name, each in touchpoints.items():
        x, parts = 0.0, []
        for key, label in OUTCOMES:
            width = round(WIDTH * each[key] / (most or 1), 1)
            parts.append(Part(key, label, each[key], round(x, 1), width))
            x += width
        yield name, [part for part in parts if part.count]


def _columns(
    weeks: Mapping[str, int], runs: Sequence[tuple[str, Mapping[str, Any]]]
) -> list[Column]:
    """Return a column for each week; the charts of all runs share their axes."""
    names = sorted({week for _, run in runs for week in run["weeks"]})
    most = max((count for _, run in runs for count in run["weeks"].values()), default=1)
    step = WIDTH / (len(names) or 1)
    return [_column(week, weeks[week], names.index(week) * step, step, most) for week in weeks]


def _column(week: str, count: int, x: float, step: float, most: int) -> Column:
    height = round(HEIGHT * count / most, 1)
    return Column(week, count, round(x, 1), HEIGHT - height, round(step * 0.8, 1), height)
