"""The named queries of `route`."""

from __future__ import annotations

from pathlib import Path

from shared import sql

QUERIES = sql.load(Path(__file__).parent.parent / "queries.sql")
