"""Child processes: served, stopped, killed, started again, and refused with their last words."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.processes import LOOPBACK, Child, ChildFailed, free_port, free_ports, replies

ECHO = """
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(64))
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + ECHO


def child_of(folder: Path, program: str, port: int) -> Child:
    command = [sys.executable, "-c", program, str(port)]
    return Child(command, lambda: replies(port, b"hello", b"hello"), folder / "child.log")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_serves_once_start_returns_and_again_after_a_kill(tmp_path: Path) -> None:
    port = free_port()
    child = child_of(tmp_path, ECHO, port)
    try:
        child.start()
        first = child.pid
        child.kill()
        assert not replies(port, b"hello", b"hello")
        child.start()
        assert replies(port, b"hello", b"hello")
        assert child.pid != first
    finally:
        child.kill()


def test_starting_a_child_that_runs_leaves_it_alone(tmp_path: Path) -> None:
    child = child_of(tmp_path, ECHO, free_port())
    try:
        child.start()
        first = child.pid
        child.start()
        assert child.pid == first
    finally:
        child.kill()


def test_a_child_that_ends_early_explains_itself(tmp_path: Path) -> None:
    child = child_of(tmp_path, "raise SystemExit('port taken')", free_port())

    with pytest.raises(ChildFailed, match=r"ended:\n.*port taken"):
        child.start()


def test_a_child_that_never_serves_is_ended_at_the_deadline(tmp_path: Path) -> None:
    child = child_of(tmp_path, "import time; time.sleep(60)", free_port())

    with pytest.raises(ChildFailed, match="did not serve within 0.2 s"):
        child.start(within=0.2)
    assert child.pid is None


def test_a_child_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    child = child_of(tmp_path, STUBBORN, free_port())
    child.start()
    pid = child.pid
    assert pid is not None

    child.stop(within=0.2)

    assert not alive(pid)


def test_another_answer_than_the_expected_one_is_not_ready(tmp_path: Path) -> None:
    port = free_port()
    child = child_of(tmp_path, ECHO, port)
    try:
        child.start()
        assert not replies(port, b"hello", b"world", LOOPBACK)
    finally:
        child.kill()


def test_ports_taken_together_are_all_different() -> None:
    """One after the other, the system may give the same one again."""
    assert len(set(free_ports(200))) == 200
    assert free_port(but=free_port()) > 0


def test_a_port_is_another_than_the_one_already_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.processes.free_ports", lambda count: [7, 8][:count])
    assert (free_port(), free_port(but=7)) == (7, 8)
