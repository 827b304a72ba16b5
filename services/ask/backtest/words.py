"""The figures of a backtest as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def text(found: Figures) -> str:
    """Return all of it, for a terminal of any width."""
    lines = [*_input(found["input"]), "", *_run("this catalog", found["new"])]
    if found["old"]:
        lines += ["", *_run("the old one", found["old"]), "", *_change(found["change"])]
    return "\n".join(lines)


def _input(about: Figures) -> Iterator[str]:
    span = f", {about['first'][:10]} to {about['last'][:10]}" if about["first"] else ""
    refused = f", {about['refused']:,} refused" if about["refused"] else ""
    yield (
        f"input: {about['lines']:,} events{span}; {about['heard']:,} matter here,"
        f" {about['unused']:,} do not{refused}"
    )
    if about["everybody_reachable"]:
        yield "everybody is taken to be reachable: no contact cards count"


def _run(what: str, run: Figures) -> Iterator[str]:
    touchpoints = run["touchpoints"]
    yield f"{what}, version {run['catalog_version']}"
    rows = [
        [name, *(f"{each[key]:,}" for key in ("ask", "case", "notify", "silent")), _why(each)]
        for name, each in touchpoints.items()
    ]
    yield from table(["touchpoint", "asks", "cases", "notices", "silent", "because"], rows)
    customers = run["customers"]
    yield (
        f"customers: {customers['heard_of']:,} heard of, {customers['asked']:,} asked; asks per"
        f" customer asked: p50 {customers['asks_p50']}, p99 {customers['asks_p99']},"
        f" max {customers['asks_max']}"
    )
    for name, each in touchpoints.items():
        if each["answers"]["low"]:
            yield _low(name, each["answers"])


def _why(touchpoint: Figures) -> str:
    reasons = [f"{reason} {count:,}" for reason, count in touchpoint["silences"].items()]
    if touchpoint["not_known_yet"]:
        reasons.append(f"(not known when the input ends: {touchpoint['not_known_yet']:,})")
    return ", ".join(reasons)


def _low(name: str, answers: Figures) -> str:
    cared = answers["low_missed_but_looked_after"]
    return (
        f"low scores at {name}: {answers['low']:,} of {answers['given']:,} answers;"
        f" asked before {answers['low_asked']:,}, asked only later {answers['low_asked_later']:,},"
        f" never asked, so missed: {answers['low_missed']:,}"
        + (f" ({cared:,} of them after a case or notice about it)" if cared else "")
    )


def _change(change: Figures) -> Iterator[str]:
    yield "what changes"
    rows = [
        [name, *(f"{each[key]:,}" for key in ("gained", "lost", "earlier", "later"))]
        for name, each in change["touchpoints"].items()
    ]
    yield from table(["touchpoint", "asks gained", "lost", "earlier", "later"], rows)
    low, customers = change["low_scores"], change["customers"]
    yield (
        f"customers: {customers['asked_only_by_new']:,} asked only by this catalog,"
        f" {customers['asked_only_by_old']:,} only by the old one"
    )
    yield f"low scores: {low['gained']:,} missed no more, {low['lost']:,} newly missed"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines: a name to the left, four figures to the right, then words as they come."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in [head, *rows]:
        figures = (cell.rjust(width) for cell, width in zip(row[1:5], widths[1:5], strict=True))
        yield "  ".join([row[0].ljust(widths[0]), *figures, *row[5:]]).rstrip()
