"""The figures of a backtest as one page: charts are drawn in it, and nothing is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HEIGHT, FEW = 100, 30
WEEK = timedelta(days=7)
OUTCOMES = (("ask", "asks"), ("case", "cases"), ("notify", "notices"), ("silent", "silent"))

Figures = Mapping[str, Any]
Titled = tuple[str, str, Figures]
"""A run: its title, the name of its colour, and its figures."""

_pages = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters["n"] = "{:,}".format


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure that comes first, and what it was under the old catalog."""

    label: str
    now: int
    before: int | None
    of: int | None = None

    @property
    def share(self) -> int | None:
        """By how many in a hundred it changes; None of what was too little to say so."""
        if self.before is None or self.before < FEW:
            return None
        return round(100 * (self.now - self.before) / self.before)


@dataclass(frozen=True, slots=True)
class Column:
    """The asks of a week; `height` of what has most."""

    label: str
    count: int
    height: float


@dataclass(frozen=True, slots=True)
class Low:
    """The low scores in the input at a touchpoint, by what a run knew of their customers."""

    touchpoint: str
    low: int
    before: int
    later: int
    cared: int
    missed: int


def render(found: Figures) -> str:
    """Return the page."""
    runs: list[Titled] = [("This catalog", "new", found["new"])]
    if found["old"]:
        runs.append(("The old one", "old", found["old"]))
    return _pages.get_template("report.html").render(
        found=found,
        runs=runs,
        outcomes=OUTCOMES,
        height=HEIGHT,
        tiles=_tiles(found["new"], found["old"]),
        moved=_moved(found["change"]),
        touchpoints=sorted({name for _, _, run in runs for name in run["touchpoints"]}),
        done={kind: _done(kind, run) for _, kind, run in runs},
        most=max((_acts(each) for _, _, run in runs for each in _each(run)), default=0) or 1,
        words=dict(OUTCOMES),
        silences={kind: _silences(run) for _, kind, run in runs},
        weeks=_weeks(runs),
        lows={kind: list(_lows(run)) for _, kind, run in runs},
    )


def _tiles(new: Figures, old: Figures | None) -> list[Tile]:
    runs = [new] if old is None else [new, old]
    counts = [
        (
            _sum(run, "ask"),
            run["customers"]["asked"],
            run["customers"]["asks_max"],
            _sum(run, "case") + _sum(run, "notify"),
            sum(each["answers"]["low_missed"] for each in _each(run)),
        )
        for run in runs
    ]
    labels = (
        "asks",
        "customers asked",
        "asks of one customer at most",
        "cases and notices without asking",
        "low scores missed",
    )
    given = sum(each["answers"]["low"] for each in _each(new))
    tiles = [
        Tile(label, now, counts[1][place] if old else None, given if place == 4 else None)
        for place, (label, now) in enumerate(zip(labels, counts[0], strict=True))
    ]
    return tiles if given else tiles[:4]


def _sum(run: Figures, key: str) -> int:
    return sum(each[key] for each in _each(run))


def _moved(change: Figures | None) -> Figures:
    """Return the touchpoints at which anything changes."""
    touchpoints = change["touchpoints"] if change else {}
    return {name: each for name, each in touchpoints.items() if any(each.values())}


def _each(run: Figures) -> Iterable[Figures]:
    touchpoints: Figures = run["touchpoints"]
    return touchpoints.values()


def _acts(touchpoint: Figures) -> int:
    return int(touchpoint["ask"] + touchpoint["case"] + touchpoint["notify"])


def _done(kind: str, run: Figures) -> dict[str, list[tuple[str, int]]]:
    """Return what each touchpoint does, as pieces of a bar: asks have the colour of their run."""
    return {
        name: [(kind, each["ask"]), ("case", each["case"]), ("notify", each["notify"])]
        for name, each in run["touchpoints"].items()
    }


def _silences(run: Figures) -> list[tuple[str, int]]:
    """Return how often each reason was given, most often first."""
    counts: Counter[str] = Counter()
    for each in _each(run):
        counts.update(each["silences"])
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _lows(run: Figures) -> Iterable[Low]:
    for name, each in run["touchpoints"].items():
        answers = each["answers"]
        cared = answers["low_missed_but_looked_after"]
        if answers["low"]:
            yield Low(
                name,
                answers["low"],
                answers["low_asked"],
                answers["low_asked_later"],
                cared,
                answers["low_missed"] - cared,
            )


def _weeks(runs: Sequence[Titled]) -> dict[str, list[Column]]:
    """Return a column for each week of the input; the charts of all runs share their axes."""
    known = [date.fromisoformat(week) for _, _, run in runs for week in run["weeks"]]
    if not known:
        return {}
    first, most = min(known), max(n for _, _, run in runs for n in run["weeks"].values())
    names = [first + n * WEEK for n in range((max(known) - first) // WEEK + 1)]
    return {
        kind: [_column(week.isoformat(), run["weeks"], most) for week in names]
        for _, kind, run in runs
    }


def _column(week: str, counts: Mapping[str, int], most: int) -> Column:
    count = counts.get(week, 0)
    return Column(week, count, round(HEIGHT * count / most, 1))
