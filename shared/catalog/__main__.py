"""`python -m shared.catalog check DIR`: validate a catalog before anything depends on it."""

from __future__ import annotations

from shared.catalog.cli import app

if __name__ == "__main__":
    app()
