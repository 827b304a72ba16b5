"""The embedded stores of `make run`, started for real."""

from __future__ import annotations
