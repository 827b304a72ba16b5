"""One machine's secrets and settings are kept where a person and a shell can use them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from services.local import place
from shared.catalog import load
from shared.settings import NAMES

CATALOG = Path(__file__).parents[3] / "deploy" / "catalog"
DSN = "postgresql://touchback@127.0.0.1:5442/touchback"


def settings(folder: Path) -> dict[str, str]:
    known = place.keep_secrets(folder, load(CATALOG))
    return place.environment(place.Ports(), known, CATALOG, DSN, idempotence=False)


def test_secrets_stay_the_same_over_starts(tmp_path: Path) -> None:
    assert settings(tmp_path) == settings(tmp_path)


def test_every_webhook_of_the_catalog_has_a_secret(tmp_path: Path) -> None:
    known = place.keep_secrets(tmp_path, load(CATALOG))
    wanted = {c.secret for team in load(CATALOG).teams for c in team.channels if c.secret}
    assert set(known.channels) == wanted


def test_all_settings_exist(tmp_path: Path) -> None:
    names = {name.removeprefix("TOUCHBACK_").lower() for name in settings(tmp_path)}
    assert names - NAMES == set()


def test_a_shell_reads_the_settings_as_they_are(tmp_path: Path) -> None:
    environ = settings(tmp_path)
    file = place.keep_environment(tmp_path, environ)
    script = f"set -a; . {file}; env -0"
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    read = dict(line.split("=", 1) for line in said.split("\0") if line)
    assert {name: read[name] for name in environ} == environ
    assert file.stat().st_mode & 0o077 == 0
