"""Nothing that an embedded store started may outlive the process that held it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.local.child import Child
from services.local.leash import leashed
from tests.support.wait import eventually

GUARD = """
import signal, sys
from services.local import leash
program = 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'
leash._guard([sys.executable, '-c', program], int(sys.argv[1]), signal.SIGKILL)
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('deaf', flush=True)
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys
subprocess.run([sys.executable, '-c', sys.argv[1], str(os.getpid())])
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def test_broker_and_postgres_end_when_their_holder_is_killed(tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.local.holder", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    pids = [int(word) for word in (await holder.stdout.readline()).split()]
    assert len(pids) == 2
    assert all(map(alive, pids))

    holder.kill()
    await holder.wait()

    await eventually(lambda: not any(map(alive, pids)), within=10)


async def test_a_guard_ends_its_program_where_the_kernel_would_not() -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, GUARD), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    program = int(await parent.stdout.readline())
    assert alive(program)

    parent.kill()
    await parent.wait()

    await eventually(lambda: not alive(program), within=5)


async def test_a_child_is_out_of_reach_of_the_terminal(tmp_path: Path) -> None:
    child = Child("sleeper", ["sleep", "60"], tmp_path / "log", on_parent_death=signal.SIGKILL)
    try:
        assert os.getsid(child.pid) != os.getsid(0)
        assert os.getpgid(child.pid) != os.getpgid(0)
    finally:
        await child.stop(signal.SIGTERM, 2)
    assert not child.running()


async def test_a_child_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child("deaf", [sys.executable, "-c", DEAF], log, on_parent_death=signal.SIGKILL)
    await eventually(lambda: "deaf" in log.read_text(), within=5)

    await child.stop(signal.SIGTERM, 0.3)

    assert not alive(child.pid)


def test_a_program_whose_parent_is_gone_already_does_not_start(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the guard asks continuously instead")
    command = leashed(["touch", tmp_path / "started"], on_parent_death=signal.SIGKILL)
    command[command.index("--parent") + 1] = "1" if os.getpid() != 1 else "2"

    assert subprocess.run(command, check=False).returncode == 1
    assert not (tmp_path / "started").exists()
