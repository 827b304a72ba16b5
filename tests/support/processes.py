"""Child processes of the tests: started, waited for, stopped, killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from services.local.leash import leashed

LOOPBACK = "127.0.0.1"


class ChildFailed(Exception):
    """A child process ended, or stayed silent, before it served."""


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on now; they stay the caller's to keep."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


def free_port(*, but: int = 0) -> int:
    """One such port, another than `but`."""
    return next(port for port in free_ports(2) if port != but)


def replies(port: int, request: bytes, first: bytes, host: str = LOOPBACK) -> bool:
    """Whether the answer to that request begins so.

    An open port is not enough: a container's port is open before anything listens inside, and a
    server listens before it is ready to serve.
    """
    try:
        with socket.create_connection((host, port), timeout=1) as connection:
            connection.sendall(request)
            return connection.recv(len(first)) == first
    except OSError:
        return False


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, which is where a refused start explains itself."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


@dataclass(slots=True)
class Child:
    """One command that serves something; it can be started again after it ended."""

    command: Sequence[str]
    serves: Callable[[], bool]
    log: Path
    user: str | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self, within: float = 60) -> None:
        """Returns once it serves; a child that ends first raises with its last words."""
        if self.pid is not None:
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                leashed(self.command, on_parent_death=signal.SIGKILL, user=self.user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.cwd,
                # Its own session: Ctrl-C reaches pytest alone, which then stops its children.
                start_new_session=True,
            )
        self._wait_until_served(within)

    def stop(self, within: float = 20) -> None:
        """Asks it to end and waits; one that does not listen is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(self.stop_signal)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            _kill(process)

    def kill(self) -> None:
        """SIGKILL: it gets no chance to put anything in order."""
        process, self._process = self._process, None
        if process is not None:
            _kill(process)

    def _wait_until_served(self, within: float) -> None:
        deadline = time.monotonic() + within
        while not self.serves():
            ended = self.pid is None
            if ended or time.monotonic() > deadline:
                self.kill()
                fate = "ended" if ended else f"did not serve within {within:g} s"
                raise ChildFailed(f"{self.command[0]} {fate}:\n{last_lines(self.log)}")
            time.sleep(0.05)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The whole group, because the leash is a process of its own where the kernel offers none."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Startable(Protocol):
    """What can be started again: a child process or a container."""

    def start(self) -> None:
        """Returns once it serves; does nothing when it runs already."""
        ...

    def stop(self) -> None:
        """An orderly end; the data stays."""
        ...

    def kill(self) -> None:
        """SIGKILL; the data stays."""
        ...


class NotOurs(Exception):
    """A server at a given address is not the tests' to stop or start."""


@dataclass(slots=True)
class Server:
    """A broker or a database server; its address never changes, whether it runs or not.

    These calls wait for the server: from a coroutine, use `asyncio.to_thread`.
    """

    address: str
    process: Startable | None
    """None where the address was given."""
    give_up_data: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Returns once it serves; does nothing when it runs already."""
        self._ours().start()

    def stop(self) -> None:
        """An orderly end; what it stored is there again after `start`."""
        self._ours().stop()

    def kill(self) -> None:
        """SIGKILL, as when the machine is lost; `start` recovers."""
        self._ours().kill()

    def discard(self) -> None:
        """The end of it and of its data; a given server is left alone."""
        if self.process is not None:
            self.process.stop()
            self.give_up_data()

    def _ours(self) -> Startable:
        if self.process is None:
            raise NotOurs(f"The server at {self.address} was given, it cannot be stopped")
        return self.process
