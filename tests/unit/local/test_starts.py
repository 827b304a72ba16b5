"""A start that cannot work says so in one line, before anything of it runs."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.local import place
from services.local.__main__ import app
from services.local.child import HOST


def ports(what: str, port: int) -> place.Ports:
    """Free ones everywhere but here."""

    def one(name: str) -> int:
        return port if name == what else 0

    return place.Ports(
        kafka=one("Kafka"),
        postgres=one("PostgreSQL"),
        mail=one("mail"),
        hooks=one("webhooks"),
        services={name: one(name) for name in place.SERVICES},
    )


@pytest.mark.parametrize("command", ["up", "demo"])
@pytest.mark.parametrize("what", place.Ports().all())
def test_a_taken_port_is_named_before_anything_is_made(
    what: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        given = ports(what, port)
        monkeypatch.setattr(place, "Ports", lambda: given)

        said = CliRunner().invoke(app, [command, "--data", str(tmp_path / "data")])

    assert said.exit_code == 2
    assert said.stderr == (
        f"touchback: {what} cannot start: port {port} on {HOST} is taken;"
        " stop what uses it, perhaps another `touchback`\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = ports("", 0)
    monkeypatch.setattr(place, "Ports", lambda: free)
    file = tmp_path / "file"
    file.touch()

    said = CliRunner().invoke(app, ["up", "--data", str(file / "data")])

    assert said.exit_code == 2
    assert said.stderr == f"touchback: --data {file / 'data'}: cannot be made: Not a directory\n"
