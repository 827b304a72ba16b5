"""Tables of the operator commands: as wide as a terminal, whole where a program reads them."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

_WHOLE = 10_000


def show(table: Table, console: Console | None = None) -> None:
    """Print it; a pipe or a file gets each row on one line with nothing cut off."""
    console = console or Console()
    if not console.is_terminal:
        console.width = _WHOLE
    console.print(table)
