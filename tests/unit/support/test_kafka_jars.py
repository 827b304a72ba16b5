"""Fetching the jars: once, whole or not at all."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.kafka_jars import fetch_jars, jar_folder
from tests.support.processes import ChildFailed


class Maven:
    """Stands in for `mvn`: puts one jar where it is told to, then ends as it is told to."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.runs = 0

    def __call__(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.runs += 1
        target = next(word for word in command if word.startswith("-DoutputDirectory="))
        (Path(target.partition("=")[2]) / "kafka.jar").touch()
        said = "[INFO] …\n[ERROR] Could not transfer artifact\n[ERROR] see the log"
        return subprocess.CompletedProcess(command, self.code, said, "")


@pytest.fixture
def maven(monkeypatch: pytest.MonkeyPatch) -> Maven:
    stand_in = Maven()
    monkeypatch.setattr(subprocess, "run", stand_in)
    return stand_in


def test_jars_are_fetched_once(maven: Maven, tmp_path: Path) -> None:
    folder = jar_folder(tmp_path)

    fetch_jars(folder)
    fetch_jars(folder)

    assert maven.runs == 1
    assert [jar.name for jar in folder.iterdir()] == ["kafka.jar"]


def test_a_failed_fetch_says_why_and_leaves_nothing_behind(maven: Maven, tmp_path: Path) -> None:
    maven.code = 1
    folder = jar_folder(tmp_path)

    with pytest.raises(ChildFailed, match="Could not transfer artifact"):
        fetch_jars(folder)

    assert not list(folder.parent.iterdir())


def test_each_release_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert jar_folder(tmp_path).name[0].isdigit()
