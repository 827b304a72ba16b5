"""The service `backup` of docker-compose.yml, and the way back from it in deploy/OPERATING.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.containers.conftest import PROJECT, say
from tests.containers.engine import Composed, Engine
from tests.support.wait import wait_until

pytestmark = pytest.mark.timeout(1800)
NAME = "kept"
DATA = "/var/lib/postgresql/data"
WAIT = ("up", "--detach", "--wait", "--wait-timeout", "300")


@dataclass(frozen=True, slots=True)
class Kept:
    """PostgreSQL and its backup, and the same with what is laid beside it to restore."""

    engine: Engine
    compose: Composed
    restoring: Composed

    def sql(self, query: str) -> list[str]:
        """What PostgreSQL answers, line by line."""
        words = ("psql", "-h", "/var/run/postgresql", "-U", "touchback", "-tAc", query)
        return self.compose("exec", "--no-TTY", "postgres", *words).split()


@pytest.fixture
def kept(machine: Engine, checkout: Path) -> Iterator[Kept]:
    page = (PROJECT / "deploy/OPERATING.md").read_text()
    found = re.search(r"cat > restore\.yml <<'END'\n(.*?)END\n", page, re.DOTALL)
    assert found is not None
    (checkout / "restore.yml").write_text(found[1])
    environ = {"COMPOSE_PROJECT_NAME": NAME, "COMPOSE_PROFILES": "backup"}
    compose = Composed(machine, checkout, ("docker-compose.yml",), environ)
    restoring = Composed(machine, checkout, ("docker-compose.yml", "restore.yml"), environ)
    try:
        yield Kept(machine, compose, restoring)
    finally:
        compose("down", "--volumes", "--timeout", "20")


def test_every_commit_is_there_again_in_a_new_volume(kept: Kept) -> None:
    kept.compose(*WAIT, "postgres", "backup")
    kept.sql("create table proof as select 1 as n")
    script = ("exec", "--no-TTY", "backup", "sh", "/usr/local/bin/backup.sh")
    base = kept.compose(*script, "base").splitlines()[-1]
    kept.compose(*script, "check")
    kept.sql("alter system set synchronous_standby_names = 'touchback_backup'")
    kept.sql("select pg_reload_conf()")
    kept.sql("insert into proof values (2)")
    kept.compose("down", "--timeout", "20")
    kept.engine.podman("volume", "rm", f"{NAME}_postgres")

    run = ("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "sh", "postgres")
    said = kept.restoring(*run, "/restore.sh", "/kept", DATA)
    assert f"{DATA} from {base.replace(DATA, '/kept')}" in said
    kept.restoring(*WAIT, "postgres")
    assert wait_until(lambda: kept.sql("select pg_is_in_recovery()") == ["f"], within=120, every=1)
    kept.compose(*WAIT, "postgres", "backup")
    assert kept.sql("select n from proof order by n") == ["1", "2"]
    say("the backup of Compose: every commit is there again")
