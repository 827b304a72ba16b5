"""`touchback console password`: what it prints lets that person in, and nothing else is printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.console.__main__ import app
from services.console.app import rules
from services.console.door import Door
from services.console.settings import Settings
from shared.links import Links
from tests.support.clock import ManualClock

PASSWORD = "correct horse battery"  # noqa: S105  (of these tests)
KEY = "0123456789abcdef0123456789abcdef"


def asked(name: str, typed: str) -> Result:
    return CliRunner().invoke(app, ["password", name], input=typed)


async def test_what_it_prints_is_the_setting_and_lets_that_person_in(tmp_path: Path) -> None:
    said = asked("李雷", f"{PASSWORD}\n")
    assert (said.exit_code, said.stderr) == (0, "")
    settings = Settings.load(
        {
            "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
            "TOUCHBACK_POSTGRES_DSN": "postgresql://localhost/x",
            "TOUCHBACK_LINK_KEYS": KEY,
            "TOUCHBACK_API_TOKEN": "t",
            "TOUCHBACK_CATALOG": str(tmp_path),
            "TOUCHBACK_CONSOLE_USERS": said.stdout,
        }
    )
    door = Door(rules(settings), Links([KEY]), ManualClock(), lambda: {})
    assert await door.enter("李雷", PASSWORD) is True
    assert await door.enter("李雷", f"{PASSWORD}\n") is False
    assert PASSWORD not in said.output


def test_the_same_password_is_kept_differently_each_time() -> None:
    one, two = (json.loads(asked("lena", PASSWORD).stdout) for _ in range(2))
    assert one.keys() == two.keys() == {"lena"}
    assert one != two


@pytest.mark.parametrize(
    ("name", "typed", "why"),
    [
        pytest.param("lena", "elevenchars\n", "12 characters at least", id="too short"),
        pytest.param("lena", "", "12 characters at least", id="nothing piped in"),
        pytest.param("", PASSWORD, '"" is no name: one line', id="no name"),
        pytest.param(" lena", PASSWORD, '" lena" is no name: one line', id="a space too many"),
    ],
)
def test_what_could_let_nobody_in_is_refused_in_a_line(name: str, typed: str, why: str) -> None:
    said = asked(name, typed)
    assert (said.exit_code, said.stdout) == (2, "")
    assert why in said.stderr
    assert len(said.stderr.splitlines()) == 1
