"""Where everything of one machine is: folder, ports, secrets, and the environment made of them."""

from __future__ import annotations

import json
import secrets
import shlex
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.catalog import Catalog
from shared.errors import InvalidSettings

SERVICES: Mapping[str, int] = {
    "listen": 8081,
    "ask": 8082,
    "collect": 8083,
    "route": 8084,
    "close": 8085,
    "console": 8080,
}
SCOPES = (
    "cases:read",
    "cases:act",
    "decisions:read",
    "responses:write",
    "feedback:write",
    "responses:read",
    "alerts:read",
    "sources:read",
    "sources:act",
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports. Those of the services are the ones they have everywhere."""

    kafka: int = 9092
    postgres: int = 5442
    mail: int = 8025
    hooks: int = 8090
    services: Mapping[str, int] = field(default_factory=lambda: dict(SERVICES))

    def all(self) -> dict[str, int]:
        """Return every port by the name of what listens there."""
        return {
            **self.services,
            "Kafka": self.kafka,
            "PostgreSQL": self.postgres,
            "mail": self.mail,
            "webhooks": self.hooks,
        }


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made at the first start and kept: links in old mails must still open after the next."""

    link_key: str
    pii_key: str
    api_token: str
    channels: Mapping[str, str]


def _fresh() -> dict[str, str]:
    return {name: secrets.token_hex(32) for name in ("link_key", "pii_key", "api_token")}


def keep_secrets(folder: Path, catalog: Catalog) -> Secrets:
    """Read the secrets of this folder, making those that are absent."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidSettings(f"--data {folder}: cannot be made: {error.strerror}") from error
    file = folder / "secrets.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"channels": {}}
    kept = _fresh() | kept
    for team in catalog.teams:
        for channel in team.channels:
            if channel.secret:
                made = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
                kept["channels"].setdefault(channel.secret, made)
    file.touch(mode=0o600)
    file.write_text(json.dumps(kept, indent=2), encoding="utf-8")
    return Secrets(**kept)


def keep_environment(folder: Path, environ: Mapping[str, str]) -> Path:
    """Write the settings as a file that a shell can read, for operator commands."""
    file = folder / "settings.env"
    file.touch(mode=0o600)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in sorted(environ.items())]
    file.write_text("".join(lines), encoding="utf-8")
    return file


def environment(
    ports: Ports, known: Secrets, catalog: Path, dsn: str, *, idempotence: bool
) -> dict[str, str]:
    """Return the settings that all six services share."""

    def url(service: str) -> str:
        return f"http://localhost:{ports.services[service]}"

    return {
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports.kafka}",
        "TOUCHBACK_KAFKA_IDEMPOTENCE": str(idempotence).lower(),
        "TOUCHBACK_KAFKA_PARTITIONS": "3",
        # The embedded broker sees new records only when such a wait ends, and replaces a killed
        # member after up to two session timeouts.
        "TOUCHBACK_KAFKA_FETCH_WAIT_MS": "100",
        "TOUCHBACK_KAFKA_SESSION_TIMEOUT_MS": "6000",
        "TOUCHBACK_POSTGRES_DSN": dsn,
        "TOUCHBACK_CATALOG": str(catalog),
        "TOUCHBACK_PUBLIC_URL": url("collect"),
        "TOUCHBACK_CLOSE_URL": url("close"),
        "TOUCHBACK_LISTEN_URL": url("listen"),
        "TOUCHBACK_CLOSE_PUBLIC_URL": url("close"),
        "TOUCHBACK_CONSOLE_URL": url("console"),
        # It listens on loopback, for whoever started it.
        "TOUCHBACK_CONSOLE_SIGN_IN": "none",
        "TOUCHBACK_LINK_KEYS": known.link_key,
        "TOUCHBACK_PII_KEYS": known.pii_key,
        "TOUCHBACK_API_TOKEN": known.api_token,
        "TOUCHBACK_API_TOKENS": json.dumps({known.api_token: SCOPES}),
        "TOUCHBACK_CHANNEL_SECRETS": json.dumps(dict(known.channels)),
        "TOUCHBACK_SMTP_URL": f"smtp://127.0.0.1:{ports.mail}",
        "TOUCHBACK_MAIL_FROM": "feedback@northwind.example",
        "TOUCHBACK_OUTBOUND_ALLOW": "127.0.0.0/8",
    }
