"""What is promised, and the rules that watch it: recordings, and alerts on how fast it is spent.

One table; everything else follows from it. Windows and factors are those of Google's workbook.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Rule = dict[str, Any]
PAGES = r'route=~"/s/.+|/f|/f/.+|/stop/.+"'
REQUESTS = "touchback_http_request_duration_seconds"


@dataclass(frozen=True)
class Window:
    """Fires when this many times the allowed errors came in both windows."""

    factor: float
    long: str
    short: str
    pages: bool


WINDOWS = (
    Window(14.4, "1h", "5m", pages=True),
    Window(6, "6h", "30m", pages=True),
    Window(3, "1d", "2h", pages=False),
    Window(1, "3d", "6h", pages=False),
)
LEAST = 3
"""Breaches in the long window: at a few cases a day one alone says nothing."""

MONTH = "30d"
SPANS = tuple(dict.fromkeys(span for each in WINDOWS for span in (each.short, each.long))) + (
    MONTH,
)


@dataclass(frozen=True)
class Slo:
    """One promise. `total` and `bad` are metrics, or what they are recorded from.

    `of` is how one reads them: as counters of the database, which every replica shows alike, or
    as counters of each process. `by` keeps the promise apart for each of these labels.
    """

    name: str
    says: str
    objective: float
    total: str
    bad: str
    audience: str
    section: str
    pages: bool = True
    by: tuple[str, ...] = ()

    @property
    def budget(self) -> float:
        """The share of errors that is allowed."""
        return round(1 - self.objective, 6)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those that can fire at all: no more than everything can go wrong."""
        return tuple(each for each in WINDOWS if each.factor * self.budget < 1)


def everywhere(metric: str, selector: str = "") -> str:
    """Return a counter of the database once, however many replicas show it."""
    return f"max without (instance, pod) ({metric}{selector})"


SLOS = (
    Slo(
        "alert-delivery",
        "a low score reaches a channel of its team within the target, five minutes",
        0.99,
        everywhere("touchback_case_route_deadlines_total"),
        everywhere("touchback_case_route_deadlines_breached_total"),
        "sre",
        "TouchbackAlertDeliveryBurn",
    ),
    Slo(
        "first-contact",
        "the customer of a low score is contacted within the target of its priority",
        0.90,
        everywhere("touchback_case_contact_deadlines_total"),
        everywhere("touchback_case_contact_deadlines_breached_total"),
        "owners",
        "TouchbackFirstContactBurn",
        pages=False,
        by=("team",),
    ),
    Slo(
        "decision",
        "a moment is decided within 60 s of being due",
        0.99,
        everywhere("touchback_decision_deadlines_total"),
        everywhere("touchback_decision_deadlines_breached_total"),
        "sre",
        "TouchbackDecisionBurn",
    ),
    Slo(
        "survey-available",
        "the survey page answers without an error of ours",
        0.999,
        f"{REQUESTS}_count{{{PAGES}}}",
        f'{REQUESTS}_count{{{PAGES}, code=~"5.."}}',
        "sre",
        "TouchbackSurveyAvailableBurn",
    ),
    Slo(
        "survey-fast",
        "the survey page answers within 500 ms",
        0.99,
        f"{REQUESTS}_count{{{PAGES}}}",
        f'{REQUESTS}_bucket{{{PAGES}, le="0.5"}}',
        "sre",
        "TouchbackSurveyFastBurn",
    ),
    # That each event ends in one of these ways needs no counting: signal, skip or dead letter are
    # written in the transaction after which its offset is committed. What can be left open is a
    # moment between its event and its timer: that is counted.
    Slo(
        "accounted",
        "a moment that was taken note of is decided, within an hour of being due at the latest",
        0.9999,
        everywhere("touchback_decision_deadlines_total"),
        everywhere("touchback_decisions_overdue_total"),
        "sre",
        "TouchbackAccountedBurn",
        pages=False,
    ),
)
GOOD = frozenset({"survey-fast"})
"""Promises whose second metric counts what went well."""


def recordings() -> list[Rule]:
    """Return what every window reads: totals, errors, and their ratio."""
    return [rule for slo in SLOS for rule in _recorded(slo)]


def _recorded(slo: Slo) -> Iterator[Rule]:
    by = f" by ({', '.join(slo.by)})" if slo.by else ""
    labels = {"slo": slo.name}
    counted = slo.total.startswith("max")
    # A counter of the database goes on where a replica ended: it is recorded before it is rated,
    # so that a roll-out of all replicas is no gap in what happened.
    for what, expr in (("total", slo.total), ("errors", slo.bad)):
        if counted:
            yield {
                "record": f"touchback:slo_{what}",
                "expr": f"sum{by} ({expr})",
                "labels": labels,
            }
    for span in SPANS:
        yield {
            "record": f"touchback:slo_total:increase{span}",
            "expr": _increase(slo, slo.total, "total", span, by),
            "labels": labels,
        }
        errors = _increase(slo, slo.bad, "errors", span, by)
        if slo.name in GOOD:
            errors = f"{_increase(slo, slo.total, 'total', span, by)} - {errors}"
        elif not counted:
            # Before the first error there is no such series: that is none, not nothing known.
            errors = f"{errors} or {_increase(slo, slo.total, 'total', span, by)} * 0"
        yield {
            "record": f"touchback:slo_errors:increase{span}",
            "expr": errors,
            "labels": labels,
        }
        yield {
            "record": f"touchback:slo_errors:ratio{span}",
            "expr": (
                f'touchback:slo_errors:increase{span}{{slo="{slo.name}"}}'
                f' / (touchback:slo_total:increase{span}{{slo="{slo.name}"}} > 0)'
            ),
            "labels": labels,
        }
    yield {
        "record": "touchback:slo_objective",
        "expr": f"vector({slo.objective})",
        "labels": labels,
    }


def _increase(slo: Slo, expr: str, what: str, span: str, by: str) -> str:
    if expr.startswith("max"):
        return f'increase(touchback:slo_{what}{{slo="{slo.name}"}}[{span}])'
    return f"sum{by} (increase({expr}[{span}]))"


def burn(slo: Slo) -> list[Rule]:
    """Return the alerts of a promise: one for each window that can fire."""
    return [
        {
            "alert": slo.section,
            "expr": _burning(slo, each),
            "for": "1m" if each.long == "1h" else "5m",
            "labels": {
                "severity": "critical" if each.pages and slo.pages else "warning",
                "audience": slo.audience,
                "window": each.long,
            },
            "annotations": {
                "summary": (
                    f"{each.factor:g} times the errors that {slo.objective:.4g} allows over"
                    f" {each.long}" + (": team {{ $labels.team }}" if slo.by else "")
                ),
                "description": (
                    f"Promised: {slo.says}. {{{{ $value | humanizePercentage }}}} of the last"
                    f" {each.long} did not keep it; {slo.budget:.2%} may."
                ),
            },
        }
        for each in slo.windows
    ]


def _burning(slo: Slo, window: Window) -> str:
    chosen, limit = f'{{slo="{slo.name}"}}', f"({window.factor:g} * {slo.budget:g})"
    return (
        f"touchback:slo_errors:ratio{window.long}{chosen} > {limit}"
        f" and touchback:slo_errors:ratio{window.short}{chosen} > {limit}"
        f" and touchback:slo_errors:increase{window.long}{chosen} >= {LEAST}"
    )


def absent(slo: Slo) -> Rule:
    """Return the alert that tells when nobody measures the promise any more."""
    return {
        "alert": "TouchbackPromiseUnmeasured",
        "expr": f'absent(touchback:slo_total:increase1h{{slo="{slo.name}"}})',
        "for": "15m",
        "labels": {"severity": "warning", "audience": "sre", "slo": slo.name},
        "annotations": {
            "summary": f"nobody measures {slo.name}",
            "description": f"The metrics behind “{slo.says}” have not been there for 15 minutes.",
        },
    }
