"""Where the parts are that `ask` needs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared import settings


class Keyring(settings.Stored):
    """What a command needs that looks into contact details: the tables, and the keys to them."""

    pii_keys: settings.Keys


class Settings(settings.Settings):
    """`smtp_url` is smtp://, smtp+starttls:// or smtps://, with user:password@ where needed.

    `channel_secrets` sign the calls of channels; `outbound_allow` are networks that those may reach
    besides public addresses.
    """

    http_port: int = Field(default=8082, ge=0, le=65535)
    smtp_url: settings.SmtpUrl
    mail_from: Annotated[str, Field(pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$", max_length=254)] = (
        "feedback@localhost"
    )
    link_keys: settings.Keys
    pii_keys: settings.Keys
    channel_secrets: settings.Secrets = Field(default_factory=dict)
    outbound_allow: settings.Networks = ()
