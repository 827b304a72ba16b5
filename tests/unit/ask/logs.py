"""Real logs as the signals and answers that `listen` makes of them, and catalogs for them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from services.ask.backtest.said import Said, from_line
from shared.catalog.catalog import Catalog
from shared.catalog.loader import load_files
from tests.support.catalogs import catalog_files

_SOURCES = "- source: log\n  topic: log.events\n  format: json\n  signals:\n" + "".join(
    f"    - {{signal: {name}, id: 'body.id', customer: 'body.customer'}}\n"
    for name in ("order.delivered", "order.promise_missed", "survey.sent", "ticket.opened")
)


def a_catalog(touchpoints: str, policy: str = "") -> Catalog:
    """A catalog about the signals of both logs."""
    changed = {"sources.yaml": _SOURCES, "touchpoints.yaml": touchpoints, "policy.yaml": policy}
    return load_files(catalog_files(changed))


def heard(lines: Iterable[Mapping[str, Any]], *catalogs: Catalog) -> list[Said]:
    """What a backtest reads of these lines."""
    wanted = frozenset(
        name for each in catalogs for source in each.sources for name in _names(source)
    )
    read = (from_line(json.dumps(line).encode(), wanted) for line in lines)
    return sorted((said for said in read if said is not None), key=lambda said: said.at)


def _names(source: Any) -> Iterator[str]:
    return (mapping.signal for mapping in source.signals)


def orders(log: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The order log: times without a zone are read as UTC."""
    for number, line in enumerate(log):
        event = json.loads(line)
        about = {"customer_id": event["customer"], "correlation": event["order_id"]}
        at = event["at"] + "Z"
        if event["kind"] == "survey.answered":
            answer = {"answer_id": str(number), "score": event["score"], "answered_at": at}
            yield {**answer, "source": "log", "touchpoint": "delivered", **about}
        else:
            id = {"source": "log", "source_event_id": str(number), "occurred_at": at}
            yield {"signal": event["kind"], **id, **about}


def tickets(file: Path) -> Iterator[dict[str, Any]]:
    """The help-desk log: the first event of each case opens it; correlated by product."""
    opened: dict[str, dict[str, str]] = {}
    with file.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            known = opened.setdefault(row["case"], row)
            if row["timestamp"] < known["timestamp"]:
                opened[row["case"]] = row
    for case, row in opened.items():
        yield {
            "signal": "ticket.opened",
            "source": "log",
            "source_event_id": case,
            "customer_id": row["customer"],
            "occurred_at": row["timestamp"],
            "correlation": f"{row['customer']}/{row['product']}",
        }
