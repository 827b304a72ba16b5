"""Where things are, for this service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from services.console.passwords import is_kept
from shared import settings
from shared.settings import HttpUrl, Keys, Networks

NAME = "one line of 1 to 128 characters, without spaces around it"


def is_name(name: str) -> bool:
    """Tell whether people may sign in by this name."""
    return 1 <= len(name) <= 128 and name == " ".join(name.split())


def _users(users: dict[str, str]) -> dict[str, str]:
    for name, kept in users.items():
        if not is_name(name):
            raise ValueError(f'"{name}" is no name: {NAME}')
        if not is_kept(kept):
            raise ValueError(f"{name}: this is no hash; `touchback console password` makes one")
    return users


Users = Annotated[dict[str, str], BeforeValidator(settings.json_object), AfterValidator(_users)]
"""Name -> hash of the password."""


class Settings(settings.Settings):
    """`api_token` must carry cases:read and cases:act at `close`, sources:read at `listen`.

    `link_keys` sign what a form proves its page with, and sign-ins. `console_proxies` are the
    networks whose `console_proxy_header` is believed.
    """

    http_port: int = 8080
    close_url: HttpUrl = "http://localhost:8085"
    listen_url: HttpUrl = "http://localhost:8081"
    console_url: HttpUrl = "http://localhost:8080"
    api_token: str
    link_keys: Keys
    console_users: Users = Field(default_factory=dict)
    console_proxies: Networks = ()
    console_proxy_header: str = Field(default="X-Forwarded-User", pattern=r"^[A-Za-z0-9-]{1,64}$")
    console_sign_in: Literal["required", "none"] = Field(default="required", validate_default=True)

    @field_validator("console_sign_in")
    @classmethod
    def _somebody_may_come_in(cls, wanted: str, info: ValidationInfo) -> str:
        ways = ("console_users", "console_proxies")
        if wanted == "required" and not any(info.data.get(way) for way in ways):
            raise ValueError(
                "nobody could sign in: name people in TOUCHBACK_CONSOLE_USERS (`touchback console"
                " password`), a proxy in TOUCHBACK_CONSOLE_PROXIES, or say `none` on loopback"
            )
        return wanted
