"""Where the things are that `route` needs."""

from __future__ import annotations

from pydantic import Field

from shared import settings
from shared.settings import HttpUrl, Keys, Networks, Secrets, SmtpUrl


class Settings(settings.Settings):
    """`outbound_allow` are networks that webhooks may reach besides public addresses.

    Without `link_keys` mails have no links that act on a case. `close_public_url` is where readers
    of the mails reach `close`, which must have the same keys.
    """

    http_port: int = Field(default=8084, ge=0, le=65535)
    smtp_url: SmtpUrl
    mail_from: str = Field(pattern=r"^[^@\s]+@[^@\s]+$|^[^<>\r\n]* <[^@\s<>]+@[^@\s<>]+>$")
    console_url: HttpUrl = "http://localhost:8080"
    link_keys: Keys | None = None
    close_public_url: HttpUrl = "http://localhost:8085"
    channel_secrets: Secrets = Field(default_factory=dict)
    outbound_allow: Networks = ()
