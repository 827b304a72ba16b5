"""The `touchback` command itself."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from services.__main__ import main


def test_it_says_which_version_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["touchback", "--version"])
    main()
    assert capsys.readouterr().out == f"touchback {version('touchback')}\n"
