"""Containers of the tests: is there an engine, and one image that serves one stable port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from docker.errors import DockerException  # type: ignore[import-untyped] # it ships no types
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from tests.support.processes import ChildFailed
from tests.support.wait import wait_until

SOCKET = Path("/var/run/docker.sock")


def docker_is_here(environment: Mapping[str, str]) -> bool:
    """An engine somebody pointed to, or the usual socket."""
    return bool(environment.get("DOCKER_HOST")) or SOCKET.is_socket()


def container_host() -> str:
    """The host on which published ports are reachable from here."""
    try:
        return DockerClient().host()
    except DockerException as error:
        raise ChildFailed(f"The container engine does not answer: {error}") from error


@dataclass(slots=True)
class Container:
    """Like `Child`, in a container; the published port survives a stop."""

    image: str
    inside: int
    port: int
    settings: Mapping[str, str]
    serves: Callable[[], bool]
    _container: DockerContainer | None = field(default=None, init=False)

    def start(self, within: float = 120) -> None:
        """Returns once it serves."""
        try:
            self._run()
        except DockerException as error:
            raise ChildFailed(f"{self.image} did not start: {error}") from error
        if not wait_until(self.serves, within=within):
            raise ChildFailed(f"{self.image} did not serve within {within:g} s")

    def stop(self) -> None:
        """Its data stays for the next start."""
        if self._container is not None:
            self._container.get_wrapped_container().stop(timeout=20)

    def kill(self) -> None:
        """SIGKILL inside the container."""
        if self._container is not None:
            self._container.get_wrapped_container().kill()

    def remove(self) -> None:
        """The end of it and of its data."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def _run(self) -> None:
        if self._container is not None:
            self._container.get_wrapped_container().start()
            return
        container = DockerContainer(self.image).with_bind_ports(self.inside, self.port)
        for name, value in self.settings.items():
            container.with_env(name, value)
        self._container = container.start()
