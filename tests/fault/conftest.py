"""Fixtures of the fault tests, which run when they are asked for: `make fault`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stack_fixtures import ground, pytest_runtest_makereport

__all__ = ["ground", "pytest_collection_modifyitems", "pytest_runtest_makereport"]
HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """They take minutes: a run that does not name them leaves them out (e2e kills `route`)."""
    named = (config.invocation_params.dir / arg.split("::")[0] for arg in config.args)
    if not any(path.resolve().is_relative_to(HERE) for path in named):
        ours = [item for item in items if item.path.is_relative_to(HERE)]
        items[:] = [item for item in items if item not in ours]
        config.hook.pytest_deselected(items=ours)
