"""Settings come from TOUCHBACK_* variables; what is unknown or malformed stops the start.

A service names the settings it needs by subclassing Settings. Names of others are known
too, so that one environment may serve all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from shared.contracts.envelope import describe
from shared.errors import InvalidSettings

PREFIX = "TOUCHBACK_"
UNKNOWN = "unknown"
"""The revision of a program that was not told which it was built from."""

NAMES: frozenset[str] = frozenset(
    {
        "kafka_bootstrap_servers",
        "kafka_security_protocol",
        "kafka_sasl_mechanism",
        "kafka_sasl_username",
        "kafka_sasl_password",
        "kafka_ssl_cafile",
        "kafka_ssl_certfile",
        "kafka_ssl_keyfile",
        "kafka_idempotence",
        "kafka_fetch_wait_ms",
        "kafka_session_timeout_ms",
        "kafka_partitions",
        "kafka_replication",
        "postgres_dsn",
        "catalog",
        "public_url",
        "link_keys",
        "pii_keys",
        "smtp_url",
        "mail_from",
        "http_port",
        "http_host",
        "log_level",
        "otlp_endpoint",
        "revision",
        "api_tokens",
        "api_token",
        "channel_secrets",
        "source_secrets",
        "outbound_allow",
        "trusted_proxies",
        "close_url",
        "listen_url",
        "close_public_url",
        "slack_signing_secret",
        "console_url",
        "console_users",
        "console_proxies",
        "console_proxy_header",
        "console_sign_in",
    }
)


def _schemed(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(f"should be like {schemes[0]}://host:port")
        return url.rstrip("/")

    return AfterValidator(check)


def _dsn(dsn: str) -> str:
    if urlsplit(dsn).scheme not in ("postgresql", "postgres"):
        raise ValueError("should be like postgresql://user@host:5432/database")
    return dsn


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"no folder {path}; should be the folder that holds touchpoints.yaml")
    return path


def _list(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def json_object(value: Any) -> Any:
    """Read an object from text; raises ValueError with an example of what would be right."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError('should be a JSON object like {"name": "secret"}') from error


def _network(text: str) -> str:
    ip_network(text)
    return text


HttpUrl = Annotated[str, _schemed("http", "https")]
SmtpUrl = Annotated[str, _schemed("smtp", "smtps", "smtp+starttls")]
Dsn = Annotated[str, AfterValidator(_dsn)]
Folder = Annotated[Path, AfterValidator(_folder)]
Words = Annotated[tuple[str, ...], BeforeValidator(_list)]
Keys = Annotated[
    tuple[Annotated[str, Field(min_length=32)], ...],
    BeforeValidator(_list),
    Field(min_length=1),
]
"""Rotating keys, newest first: the first one signs, all of them verify."""

Secrets = Annotated[dict[str, str], BeforeValidator(json_object)]
Tokens = Annotated[dict[str, tuple[str, ...]], BeforeValidator(json_object)]
"""Bearer token -> scopes."""

Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_list)]
"""Address ranges as CIDR."""


class Stored(BaseModel):
    """All that a command needs which looks at the tables of a service, and nowhere else."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    postgres_dsn: Dsn

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment; raises InvalidSettings with one line about the first fault."""
        try:
            return cls.model_validate(_collect(environ))
        except ValidationError as error:
            raise InvalidSettings(_explain(error)) from None


class Settings(Stored):
    """Where things are; every service has these."""

    kafka_bootstrap_servers: Annotated[Words, Field(min_length=1)]
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    kafka_idempotence: bool = True
    kafka_fetch_wait_ms: int = Field(default=500, ge=1, le=10_000)
    kafka_session_timeout_ms: int = Field(default=10_000, ge=6_000, le=300_000)
    kafka_partitions: int = Field(default=6, ge=1)
    kafka_replication: int = Field(default=1, ge=1)
    catalog: Folder
    public_url: HttpUrl = "http://localhost:8083"
    http_port: int = Field(default=8080, ge=0, le=65535)
    http_host: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    otlp_endpoint: HttpUrl | None = None
    revision: str = Field(default=UNKNOWN, min_length=1, max_length=64)
    api_tokens: Tokens = Field(default_factory=dict)


def _collect(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name.endswith("_file") and name.removesuffix("_file") in NAMES:
            name, value = name.removesuffix("_file"), _content(variable, value)
        if name not in NAMES:
            raise InvalidSettings(_unknown(variable, name))
        found[name] = value
    return found


def _content(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidSettings(f"{variable}: cannot read {path}: {error.strerror}") from error


def _unknown(variable: str, name: str) -> str:
    close = get_close_matches(name, NAMES, n=1)
    hint = f"; did you mean {PREFIX}{close[0].upper()}?" if close else ""
    return f"{variable}: no setting has this name{hint}"


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    variable = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "settings"
    if first["type"] == "missing":
        return f"{variable}: is not set, and there is no default for it"
    if first["type"] == "value_error":
        return f"{variable}: {first['ctx']['error']}"
    return f"{variable}: {describe(error).split(': ', 1)[-1]}"
