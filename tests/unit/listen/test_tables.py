"""Tables lose nothing where a program reads them."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from services.listen import tables


def test_a_row_is_one_whole_line_in_a_pipe() -> None:
    table, out = Table("id", "message", box=None), io.StringIO()
    table.add_row("0/1", "word " * 60 + "end")
    tables.show(table, Console(file=out, width=80))
    assert out.getvalue().splitlines()[1].rstrip().endswith("word end")
