"""The repository keeps its own promises."""

from __future__ import annotations

import ast
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from services.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
SERVICES = ("listen", "ask", "collect", "route", "close", "console")
SOURCES = sorted(
    file for folder in ("services", "shared") for file in (ROOT / folder).rglob("*.py")
)


def test_compose_runs_every_service_after_the_migrations() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for name in SERVICES:
        service = compose["services"][name]
        assert service["command"] == [name, "run"]
        assert "migrate" in service["depends_on"]
        assert name in compose["services"]["migrate"]["command"][0]


def test_every_command_hands_over_to_a_program_that_exists() -> None:
    for command in COMMANDS.values():
        assert callable(import_module(f"{command.module}.__main__").app)


def test_the_lock_names_versions_and_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert re.search(r"^-", lock, re.MULTILINE) is None


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_has_at_most_400_lines_and_says_what_it_is_for(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)), f"{file} opens without a docstring"


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_process_reads_the_environment(service: str) -> None:
    readers = [
        file.name
        for file in (ROOT / "services" / service).rglob("*.py")
        if "os.environ" in file.read_text()
    ]
    assert readers == ["__main__.py"]


def test_no_tracked_file_names_a_path_of_somebodys_machine() -> None:
    found = subprocess.run(
        ["git", "grep", "-nIE", r"(^|[^A-Za-z0-9_.])/(root|home)/[a-z]", "--", ":!tests/contract"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""
