"""What is forgotten, by all services together."""

from __future__ import annotations
