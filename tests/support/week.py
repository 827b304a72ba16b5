"""A week of metrics as they might have been, for series that a running stack really has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

HOUR = 3600
HOURS = 7 * 24
FEW = 2
"""So many values of each label are enough: what is drawn is the same with more of them."""

VARIED = ("team", "touchpoint", "source", "channel", "reason", "topic", "route", "instance")
RISING = ("_total", "_bucket", "_count", "_sum", "touchback:slo_total", "touchback:slo_errors")
RARE = ("breached", "failures", "errors", "overdue", "dead_letters", "expired")
NOW = ("timestamp_seconds", "start_time_seconds")


def past(series: Iterable[Mapping[str, str]], end: int) -> str:
    """The samples of seven days up to `end`, hour by hour."""
    chosen = list(_few(series))
    return "".join(
        f"{_name(each)} {_value(each, hour, at):.6g} {at}\n"
        for each in chosen
        for hour in range(HOURS + 1)
        for at in (end - (HOURS - hour) * HOUR,)
    )


def _few(series: Iterable[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    known: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in sorted(series, key=lambda labels: sorted(labels.items())):
        fits = True
        for label in VARIED:
            seen = known[each["__name__"], label]
            if label in each and each[label] not in seen:
                seen += [each[label]] if len(seen) < FEW else []
                fits &= each[label] in seen
        if fits:
            yield each


def _name(labels: Mapping[str, str]) -> str:
    inside = ",".join(
        f'{name}="{_escaped(value)}"' for name, value in labels.items() if name != "__name__"
    )
    return f"{labels['__name__']}{{{inside}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(labels: Mapping[str, str], hour: int, at: int) -> float:
    name = labels["__name__"]
    # "duration" has "ratio" in it.
    if any(each in name for each in (":increase", ":ratio", "objective")):
        return 0.99 if "objective" in name else 0.005
    if name.endswith(NOW):
        return at - 90.0
    if name.endswith(RISING):
        often = 0.1 if any(rare in name for rare in RARE) else 1.0
        return hour * often * _reached(labels.get("le", "+Inf"))
    return 1.0


def _reached(edge: str) -> float:
    """The share of all that lies below an edge: more, the higher it is."""
    below = float(edge.replace("+Inf", "inf"))
    return 1.0 if below == float("inf") else below / (below + 60.0)
