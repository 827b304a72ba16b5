"""`check` says what is wrong and exits 0, 1 or 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.catalog.cli import app
from tests.support.catalogs import edited, write_catalog

MISTAKE = edited("touchpoints.yaml", "delay: 1h", "dealy: 1h")


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def test_a_clean_catalog_exits_with_0(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", str(write_catalog(tmp_path))])
    assert (result.exit_code, result.output) == (0, f"{tmp_path}: no findings\n")


def test_findings_are_printed_with_their_place_and_exit_with_1(
    runner: CliRunner, tmp_path: Path
) -> None:
    result = runner.invoke(app, ["check", str(write_catalog(tmp_path, MISTAKE))])
    place = f"{tmp_path}/touchpoints.yaml:4"
    assert result.output == f'{place}: `dealy`: unknown field, did you mean "delay"?\n'
    assert result.exit_code == 1


def test_findings_can_be_read_by_a_program(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", "--json", str(write_catalog(tmp_path, MISTAKE))])
    assert json.loads(result.output) == [
        {
            "file": "touchpoints.yaml",
            "line": 4,
            "message": '`dealy`: unknown field, did you mean "delay"?',
        }
    ]


def test_no_catalog_at_all_exits_with_2(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["check", str(tmp_path / "absent")])
    assert result.exit_code == 2
    assert "is not a folder" in result.stderr
