"""Another release of the services, from the project's own history, as a folder to run it from."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.stack import PROJECT, Stack, some_ports

BEFORE = "375431c"
"""Stands for the last release until one is tagged."""


def previous(folder: Path) -> Path:
    """Lay the last release into the folder; the test is skipped where history does not have it."""
    packed = subprocess.run(
        ["git", "archive", _last()], cwd=PROJECT, capture_output=True, check=False
    )
    if packed.returncode != 0:
        pytest.skip(f"git knows no release before this one here: {packed.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _last() -> str:
    tagged = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "HEAD^"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return tagged.stdout.strip() or BEFORE


def as_of(stack: Stack, code: Path) -> Stack:
    """The same stack run by another release, which is given only settings that it knows."""
    listed = "from shared.settings import NAMES; print(*NAMES)"
    said = subprocess.run(
        [sys.executable, "-c", listed], cwd=code, capture_output=True, text=True, check=True
    )
    known = {f"TOUCHBACK_{name.upper()}" for name in said.stdout.split()}
    kept = {
        name: value
        for name, value in stack.environment.items()
        if name in known or not name.startswith("TOUCHBACK_")
    }
    folder = stack.folder / "before"
    folder.mkdir()
    return replace(stack, folder=folder, environment=kept, code=code, _processes={})


def migrate(stack: Stack, dsn: str) -> None:
    """Bring the schemas to what this release knows, as its migration job does."""
    program = (
        "import asyncio, sys; from tests.support.stack import migrate_all;"
        " asyncio.run(migrate_all(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, dsn], cwd=stack.code, check=True)


def beside(stack: Stack, name: str) -> Stack:
    """More replicas of the same stack, on ports of their own."""
    folder = stack.folder / name
    folder.mkdir(exist_ok=True)
    return replace(stack, folder=folder, ports=some_ports(), _processes={})
