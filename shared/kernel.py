"""The queries behind inbox, outbox, timers and tallies."""

from __future__ import annotations

from pathlib import Path

from shared import sql

MIGRATIONS = Path(__file__).parent / "migrations"
QUERIES = sql.load(Path(__file__).parent / "kernel.sql")
