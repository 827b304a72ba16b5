"""Named queries: SQL lives in .sql files, not in strings.

A file holds blocks that open with `-- name: something`; comment lines after it describe the query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(path: Path) -> Mapping[str, str]:
    """Read the named queries of a file; raises ValueError on a name given twice."""
    _, *parts = _NAME.split(path.read_text(encoding="utf-8"))
    names, bodies = parts[::2], parts[1::2]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{path}: query {min(twice)} is defined twice; names must be unique")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}
