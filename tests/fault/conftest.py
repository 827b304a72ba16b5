"""Fixtures for tests that run services as processes."""

from __future__ import annotations

from tests.support.stack_fixtures import ground, pytest_runtest_makereport

__all__ = ["ground", "pytest_runtest_makereport"]
