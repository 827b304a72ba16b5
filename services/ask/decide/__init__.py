"""The heart: which moments are worth a question, and why all others are not.

`triggers` finds the moments in what is heard, `gates` judges one moment, `turns` brings a customer
forward through time. None of it knows where a `Person` is kept: `handlers` keeps it in PostgreSQL,
and whoever holds it in memory drives the same code.
"""

from __future__ import annotations
