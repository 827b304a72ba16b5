"""Where things are, for this service."""

from __future__ import annotations

from shared import settings
from shared.settings import HttpUrl, Keys


class Settings(settings.Settings):
    """`api_token` must carry cases:read and cases:act at `close`, sources:read at `listen`.

    `link_keys` sign what a form proves its page with.
    """

    http_port: int = 8080
    close_url: HttpUrl = "http://localhost:8085"
    listen_url: HttpUrl = "http://localhost:8081"
    console_url: HttpUrl = "http://localhost:8080"
    api_token: str
    link_keys: Keys
