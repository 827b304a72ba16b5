"""Writes the dashboards: `python -m deploy.grafana.generate`."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.grafana.boards import ALL
from deploy.grafana.panels import Dashboard

FOLDER = Path(__file__).parent / "dashboards"


def text(board: Dashboard) -> str:
    """Return a dashboard as its file has it."""
    return json.dumps(board.json(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write each dashboard into its file."""
    for board in ALL:
        (FOLDER / f"{board.name}.json").write_text(text(board), "utf-8")


if __name__ == "__main__":
    main()
