"""Where the things are that `route` needs."""

from __future__ import annotations

from pydantic import Field

from shared import settings
from shared.settings import HttpUrl, Networks, Secrets, SmtpUrl


class Settings(settings.Settings):
    """`outbound_allow` are networks that webhooks may reach besides public addresses."""

    http_port: int = Field(default=8084, ge=0, le=65535)
    smtp_url: SmtpUrl
    mail_from: str = Field(pattern=r"^[^@\s]+@[^@\s]+$|^[^<>\r\n]* <[^@\s<>]+@[^@\s<>]+>$")
    console_url: HttpUrl = "http://localhost:8080"
    channel_secrets: Secrets = Field(default_factory=dict)
    outbound_allow: Networks = ()
