"""Runs one program so that it never outlives the process that started it, not even a killed one.

Stands between the two as `python leash.py --parent PID --signal NAME -- PROGRAM ...`. On Linux it
asks the kernel to send the signal when the parent dies and then becomes the program itself.
Elsewhere the kernel offers no such thing: it stays as a small guard that watches the parent. A
launcher and not a `preexec_fn`, because Python between fork and exec can deadlock under threads.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
GUARD_SECONDS = 0.25


def leashed(
    program: Sequence[str | Path], *, on_parent_death: signal.Signals, user: str | None = None
) -> list[str]:
    """The command that runs `program` on a leash held by the calling process.

    Start it from a thread that lives as long as the child should: Linux ties the leash to that.
    """
    flags = ["--parent", str(os.getpid()), "--signal", on_parent_death.name]
    if user is not None:
        flags += ["--user", user]
    return [sys.executable, "-I", __file__, *flags, "--", *map(str, program)]


def main(argv: Sequence[str]) -> int:
    """Become the program (Linux) or guard it (elsewhere)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=lambda name: signal.Signals[name], required=True)
    parser.add_argument("--user")
    parser.add_argument("program", nargs="+")
    args = parser.parse_args(argv)
    if args.user is not None:
        _drop_root(args.user)
    if not sys.platform.startswith("linux"):
        return _guard(args.program, args.parent, args.signal)
    _prctl(PR_SET_PDEATHSIG, int(args.signal))
    if os.getppid() != args.parent:  # it died before the kernel was asked
        return 1
    return os.execvp(args.program[0], args.program)


def _drop_root(user: str) -> None:
    """Become `user` for good; on Linux keep the right to reach files below a closed folder."""
    entry = pwd.getpwnam(user)
    linux = sys.platform.startswith("linux")
    if linux:
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if linux:
        _keep_file_access()


def _keep_file_access() -> None:
    """Reduce what root had to CAP_DAC_OVERRIDE, and let it survive the coming exec.

    Where a container has taken that right away, the program must do with plain permissions.
    """
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, sets) == 0:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) refused")


def _guard(program: Sequence[str], parent: int, on_death: signal.Signals) -> int:
    child = subprocess.Popen(program)

    def forward(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, forward)
    while True:
        try:
            return child.wait(timeout=GUARD_SECONDS)
        except subprocess.TimeoutExpired:
            if os.getppid() != parent:
                child.send_signal(on_death)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
