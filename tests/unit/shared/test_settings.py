"""What is wrong with the environment is said in one line, and stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import InvalidSettings
from shared.settings import Settings


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "one:9092, two:9092",
        "TOUCHBACK_POSTGRES_DSN": "postgresql://somebody@localhost/touchback",
        "TOUCHBACK_CATALOG": str(tmp_path),
        "PATH": "/bin",
    }


def test_addresses_are_split_at_commas(environ: dict[str, str]) -> None:
    assert Settings.load(environ).kafka_bootstrap_servers == ("one:9092", "two:9092")


def test_a_secret_is_read_from_a_file(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://secret@db/touchback\n")
    del environ["TOUCHBACK_POSTGRES_DSN"]
    environ["TOUCHBACK_POSTGRES_DSN_FILE"] = str(tmp_path / "dsn")
    assert Settings.load(environ).postgres_dsn == "postgresql://secret@db/touchback"


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        pytest.param(
            "TOUCHBACK_POSTGERS_DSN",
            "x",
            "TOUCHBACK_POSTGERS_DSN: no setting has this name;"
            " did you mean TOUCHBACK_POSTGRES_DSN?",
            id="unknown, with the name that was meant",
        ),
        pytest.param(
            "TOUCHBACK_POSTGRES_DSN",
            "localhost:5432",
            "TOUCHBACK_POSTGRES_DSN: should be like postgresql://user@host:5432/database",
            id="not a DSN",
        ),
        pytest.param(
            "TOUCHBACK_HTTP_PORT",
            "eighty",
            "TOUCHBACK_HTTP_PORT: Input should be a valid integer, unable to parse string as an"
            " integer",
            id="not a port",
        ),
        pytest.param(
            "TOUCHBACK_CATALOG",
            "/nowhere",
            "TOUCHBACK_CATALOG: no folder /nowhere; should be the folder that holds"
            " touchpoints.yaml",
            id="no such folder",
        ),
        pytest.param(
            "TOUCHBACK_POSTGRES_DSN_FILE",
            "/nowhere",
            "TOUCHBACK_POSTGRES_DSN_FILE: cannot read /nowhere: No such file or directory",
            id="no such secret file",
        ),
        pytest.param(
            "TOUCHBACK_API_TOKENS",
            "secret",
            'TOUCHBACK_API_TOKENS: should be a JSON object like {"name": "secret"}',
            id="not a JSON object",
        ),
    ],
)
def test_a_fault_is_named_in_one_line(
    environ: dict[str, str], variable: str, value: str, complaint: str
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.load({**environ, variable: value})
    assert str(caught.value) == complaint


def test_a_missing_setting_is_named(environ: dict[str, str]) -> None:
    del environ["TOUCHBACK_POSTGRES_DSN"]
    with pytest.raises(InvalidSettings, match="TOUCHBACK_POSTGRES_DSN: is not set"):
        Settings.load(environ)


def test_a_secret_is_not_repeated_in_the_complaint(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.load({**environ, "TOUCHBACK_API_TOKENS": "hunter2"})
    assert "hunter2" not in str(caught.value)
