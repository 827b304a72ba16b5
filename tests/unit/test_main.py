"""The `touchback` command itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from services.__main__ import COMMANDS, main


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `touchback` prints."""
    monkeypatch.setattr("sys.argv", ["touchback", *words])
    main()
    return capsys.readouterr().out


@pytest.mark.parametrize(("given", "told"), [(None, "unknown"), ("5d14364", "5d14364")])
def test_it_says_which_release_it_is(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: str | None,
    told: str,
) -> None:
    monkeypatch.delenv("TOUCHBACK_REVISION", raising=False)
    if given:
        monkeypatch.setenv("TOUCHBACK_REVISION", given)
    line = f"touchback {version('touchback')} (revision {told})\n"
    assert said(monkeypatch, capsys, "--version") == line


def test_its_help_names_every_command_and_how_to_learn_the_release(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(monkeypatch, capsys, "--help")
    assert [name for name in (*COMMANDS, "--version", "--help") if name not in text] == []


def test_a_package_that_is_missing_is_one_line_that_says_what_to_do() -> None:
    """In a process of its own: what is imported stays."""
    code = (
        "import sys; sys.modules['asyncpg'] = None; sys.argv = ['touchback', 'close', '--help'];"
        "from services.__main__ import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "the package asyncpg is not installed here; `make setup`" in run.stderr
