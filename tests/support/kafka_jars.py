"""Apache Kafka's own jars: fetched once with Maven, then run offline on the machine's Java."""

from __future__ import annotations

import base64
import re
import shutil
import struct
import subprocess
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import LOOPBACK, Child, ChildFailed, free_port, replies

HERE = Path(__file__).parent / "kafka"
POM = HERE / "pom.xml"
QUIET = HERE / "log4j2.properties"
# Made to start fast and stay small: one compiler tier, one collector thread.
JVM = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# A killed broker may register again only when its old session is over: 9 s unless told otherwise.
SESSION = "broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\n"
# Version 0 of every client's first request; its answer is short: its size begins with zeros.
API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=16777216
"""


def kafka_serves(port: int, host: str = LOOPBACK) -> bool:
    """Whether a broker answers its first question there."""
    return replies(port, API_VERSIONS, b"\0\0", host)


def kafka_version() -> str:
    """The release that the pom names."""
    found = re.search(r"<kafka\.version>([^<]+)<", POM.read_text())
    if found is None:
        raise ChildFailed(f"{POM.name} names no kafka.version")
    return found.group(1)


def jar_folder(cache: Path) -> Path:
    """Where the jars of this release lie once they were fetched."""
    return cache / "kafka-jars" / kafka_version()


def fetch_jars(folder: Path) -> None:
    """Fetches them unless they are there; an interrupted fetch leaves nothing that looks whole."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(POM), *goal]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if run.returncode != 0:
            raise ChildFailed(f"Maven could not fetch Apache Kafka: {_first_error(run.stdout)}")
        partial.chmod(0o755)  # a fresh temporary folder is private; a cache is not
        partial.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise ChildFailed("Maven did not fetch Apache Kafka within 600 s") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _first_error(output: str) -> str:
    return next(
        (line for line in output.splitlines() if "[ERROR]" in line),
        "it did not say why",
    )


@dataclass(slots=True)
class KafkaHome:
    """The folder of one single-node KRaft broker: its settings, its data, its log."""

    jars: Path
    folder: Path
    port: int

    def child(self) -> Child:
        """Formats the storage when it is new and says how to run the broker."""
        settings = self.folder / "server.properties"
        if not settings.exists():
            self._write(settings)
            self._format(settings)
        command = [*self._java(), "kafka.Kafka", str(settings)]
        return Child(
            command,
            lambda: kafka_serves(self.port),
            self.folder / "kafka.log",
            cwd=self.folder,
        )

    def _java(self) -> list[str]:
        quiet = f"-Dlog4j2.configurationFile={QUIET}"
        return ["java", *JVM, quiet, "-cp", f"{self.jars}/*"]

    def _write(self, settings: Path) -> None:
        text = PROPERTIES.format(
            host=LOOPBACK,
            port=self.port,
            controller=free_port(but=self.port),
            logs=self.folder / "data",
        )
        settings.write_text(text + SESSION)

    def _format(self, settings: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A leading hyphen would read as an option.
        arguments = ["format", f"--cluster-id={cluster}", "--config", str(settings)]
        command = [*self._java(), "kafka.tools.StorageTool", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            settings.unlink()
            raise ChildFailed(f"Apache Kafka could not format its storage:\n{run.stderr}")
