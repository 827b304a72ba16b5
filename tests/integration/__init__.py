"""Tests on a real Kafka and a real PostgreSQL."""

from __future__ import annotations
